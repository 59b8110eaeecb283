// Copies every SQLite database of the server into /pds/backup, or from there back over the server's, by SQLite's own backup
// interface: the server goes on meanwhile, and both sides see whole databases only. Keys that lie beside them go along.
const fs = require('node:fs')
const path = require('node:path')
const Database = require('/app/node_modules/better-sqlite3')

const live = process.env.PDS_DATA_DIRECTORY
const kept = path.join(live, 'backup')

function wanted(under) {
  const files = fs.readdirSync(under, { recursive: true })
  return files.filter((file) => !/^(backup|blocks)(\/|$)/.test(file) && /(\.sqlite|\/key)$/.test(file))
}

async function copy(from, to) {
  fs.mkdirSync(path.dirname(to), { recursive: true })
  if (!from.endsWith('.sqlite')) return fs.copyFileSync(from, to)
  const database = new Database(from, { fileMustExist: true })
  await database.backup(to)
  database.close()
}

async function main(verb) {
  if (verb === 'backup') {
    fs.rmSync(kept, { recursive: true, force: true })
    for (const file of wanted(live)) await copy(path.join(live, file), path.join(kept, file))
  } else if (verb === 'restore') {
    const files = wanted(kept)
    if (files.length === 0) throw new Error(`there is no database in ${kept}`)
    for (const file of files) await copy(path.join(kept, file), path.join(live, file))
  } else {
    throw new Error('usage: sqlite_backup.js backup|restore')
  }
}

main(process.argv[2]).catch((error) => {
  console.error(String(error))
  process.exit(1)
})
