// Starts the PDS, and answers the question that a front with on-demand certificates asks at /tls-check.
const { PDS, envToCfg, envToSecrets, readEnv } = require('@atproto/pds')
const { version } = require('@atproto/pds/package.json')

async function main() {
  const env = { version, ...readEnv() }
  env.version ||= version
  const config = envToCfg(env)
  const pds = await PDS.create(config, envToSecrets(env))
  const { hostname, port } = config.service
  pds.app.get('/tls-check', (request, response) => {
    const domain = String(request.query.domain ?? '')
    const ours = domain === hostname || domain.endsWith(`.${hostname}`)
    response.status(ours ? 200 : 400).json({ success: ours })
  })
  await pds.start()
  console.log(JSON.stringify({ msg: 'up', version, port }))
  const stop = () => pds.destroy().finally(() => process.exit(0))
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
