import {
  AddPermissionCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  InvokeCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda'
import { mintSession } from '@weft/aws'
import { functionName, headers, subjects } from '@weft/contracts'
import { silentLogger } from '@weft/platform'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { natsInvokeDoor } from './doors/nats-invoke.ts'
import {
  account,
  type Keys,
  keys,
  rawRequest,
  role,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from './testing/index.ts'

let frontend: TestFrontend
let url: string
beforeEach(async () => {
  frontend = await startTestFrontend()
  const client = clientOf(keys)
  const settings = { Role: role, Handler: 'index.handler', Runtime: 'nodejs24.x' } as const
  await client.send(new CreateFunctionCommand({ FunctionName: 'f', Code: { ZipFile: await zipOf() }, ...settings }))
  const made = await client.send(new CreateFunctionUrlConfigCommand({ FunctionName: 'f', AuthType: 'NONE' }))
  url = new URL(made.FunctionUrl ?? '').host
  await client.send(
    new AddPermissionCommand({
      ...{ FunctionName: 'f', StatementId: 'public', Action: 'lambda:InvokeFunctionUrl', Principal: '*' },
      FunctionUrlAuthType: 'NONE',
    }),
  )
})
afterEach(() => frontend[Symbol.asyncDispose]())

const clientOf = (credentials: Keys): LambdaClient =>
  new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })

/** What each way into the account answers. */
async function tryDoors(): Promise<Readonly<Record<string, number>>> {
  const invoke = async (credentials: Keys): Promise<number> => {
    const client = clientOf(credentials)
    try {
      return (await client.send(new InvokeCommand({ FunctionName: 'f' }))).StatusCode ?? 0
    } catch (error) {
      return (error as { $metadata: { httpStatusCode: number } }).$metadata.httpStatusCode
    } finally {
      client.destroy()
    }
  }
  const session = mintSession('cluster secret', {
    accountId: account,
    roleArn: `arn:aws:iam::${account}:role/weft-full-access`,
    sessionName: 'f',
    expiresAtMs: Date.now() + 60_000,
  })
  const nats = natsInvokeDoor({
    invoke: frontend.service.operations.invoke,
    log: silentLogger,
    maxMessageBytes: () => 8_000_000,
  })
  const subject = subjects.invoke(account, functionName('f'))
  const reply = await nats({
    subject,
    payload: Buffer.from('{}'),
    header: () => undefined,
    headers: () => ({}),
    wantsReply: true,
  })
  const site = await rawRequest(frontend.endpoint, { method: 'GET', path: '/', headers: { host: url } })
  return {
    key: await invoke(keys),
    session: await invoke(session),
    nats: Number(reply.headers[headers.serviceErrorCode] ?? 200),
    url: site.status,
  }
}

it('is shut out of every door, until it is enabled again', async () => {
  const open = { key: 200, session: 200, nats: 200, url: 200 }
  expect(await tryDoors()).toEqual(open)
  const stored = frontend.catalogue.accountStore.entries.get(account)
  if (!stored) throw new Error('no account')
  const calls = frontend.invoker.calls.length
  frontend.catalogue.accountStore.put(account, { ...stored.value, disabled: true })
  expect(await tryDoors()).toEqual({ key: 403, session: 403, nats: 403, url: 403 })
  expect(frontend.invoker.calls.length).toBe(calls)
  frontend.catalogue.accountStore.put(account, stored.value)
  expect(await tryDoors()).toEqual(open)
})
