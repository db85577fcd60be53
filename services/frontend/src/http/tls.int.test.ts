import { Agent, get } from 'node:https'
import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { generate } from 'selfsigned'
import { expect, it } from 'vitest'
import { frontendDefaults } from '../config.ts'
import { keys, startTestFrontend } from '../testing/index.ts'

const certificate = (name: string, ca?: { readonly key: string; readonly cert: string }) =>
  generate([{ name: 'commonName', value: name }], {
    algorithm: 'sha256',
    keySize: 2048,
    ...(ca && { ca }),
    extensions: [
      { name: 'basicConstraints', cA: ca === undefined },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  })

it('every AWS service answers on a port with the certificate of the operator, and on the plain one for the inside', async () => {
  const ca = await certificate('an authority')
  const own = await certificate('127.0.0.1', { key: ca.private, cert: ca.cert })
  const tls = { port: 0, cert: own.cert, key: own.private }
  await using frontend = await startTestFrontend({}, { ...frontendDefaults, http: { ...frontendDefaults.http, tls } })
  const port = frontend.service.httpsPort
  const client = (httpsAgent: Agent, endpoint: string) =>
    new LambdaClient({
      region: 'us-east-1',
      endpoint,
      credentials: keys,
      maxAttempts: 1,
      requestHandler: { httpsAgent },
    })
  const trusting = new Agent({ ca: ca.cert })
  const settings = (one: LambdaClient) => one.send(new GetAccountSettingsCommand({}))
  const answer = await settings(client(trusting, `https://127.0.0.1:${port}`))
  expect(answer.AccountLimit?.ConcurrentExecutions).toBe(1_000)
  await expect(settings(client(new Agent(), `https://127.0.0.1:${port}`))).rejects.toThrow(/certificate|issuer/)
  expect((await settings(client(trusting, frontend.endpoint))).AccountLimit).toEqual(answer.AccountLimit)
  const status = await new Promise((resolve, reject) =>
    get(`https://127.0.0.1:${port}/healthz`, { agent: trusting }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', reject),
  )
  expect(status).toBe(200)
  trusting.destroy()
})
