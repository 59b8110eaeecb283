// A small OpenID Connect provider: clients and users come from a JSON file (a config or secret), the signing key lies in
// DATA_DIR, so that tokens outlive a restart. One page does login and consent.
import fs from 'node:fs'
import path from 'node:path'
import { generateKeyPairSync } from 'node:crypto'
import * as library from 'oidc-provider'

const Provider = library.Provider ?? library.default
const { version } = JSON.parse(fs.readFileSync('node_modules/oidc-provider/package.json'))
const issuer = process.env.ISSUER
const settings = JSON.parse(fs.readFileSync(process.env.OIDC_CONFIG))
const users = settings.users ?? {}

const keyFile = path.join(process.env.DATA_DIR ?? '/data', 'jwks.json')
if (!fs.existsSync(keyFile)) {
  fs.mkdirSync(path.dirname(keyFile), { recursive: true })
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
  const keys = [{ ...key, use: 'sig', alg: 'RS256', kid: new Date().toISOString() }]
  fs.writeFileSync(keyFile, JSON.stringify({ keys }), { mode: 0o600 })
}

const provider = new Provider(issuer, {
  clients: settings.clients,
  jwks: JSON.parse(fs.readFileSync(keyFile)),
  cookies: { keys: [settings.cookie_key] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  scopes: ['openid', 'offline_access', 'email', 'profile'],
  features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true }, introspection: { enabled: true } },
  pkce: { required: () => false },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, id) => users[id] && {
    accountId: id,
    claims: async () => ({ sub: id, name: id, preferred_username: id, email: users[id].email, email_verified: true }),
  },
})
provider.proxy = true

async function form(request) {
  let body = ''
  for await (const chunk of request) body += chunk
  return new URLSearchParams(body)
}

provider.use(async (ctx, next) => {
  if (ctx.path === '/healthz') {
    ctx.body = { ok: true, version }
    return
  }
  if (!ctx.path.startsWith('/interaction/')) return next()
  const { prompt, session, params } = await provider.interactionDetails(ctx.req, ctx.res)
  let result
  if (prompt.name === 'login' && ctx.method === 'GET') {
    ctx.type = 'html'
    ctx.body = '<form method="post"><input name="user"><input name="password" type="password"><button>Sign in</button></form>'
    return
  } else if (prompt.name === 'login') {
    const given = await form(ctx.req)
    const user = given.get('user')
    if (!users[user] || users[user].password !== given.get('password')) {
      ctx.status = 401
      ctx.body = 'bad credentials'
      return
    }
    result = { login: { accountId: user } }
  } else {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
    grant.addOIDCScope(params.scope)
    result = { consent: { grantId: await grant.save() } }
  }
  await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: true })
})
// The provider's own routes answer 404 to ours, and they come first: move ours in front of them.
const chain = provider.middleware ?? provider.app.middleware
chain.unshift(chain.pop())

provider.listen(8080, '0.0.0.0', () => console.log(JSON.stringify({ msg: 'up', version, issuer })))
process.on('SIGTERM', () => process.exit(0))
