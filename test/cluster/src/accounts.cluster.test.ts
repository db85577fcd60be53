import { InvokeCommand } from '@aws-sdk/client-lambda'
import { accountId, streams } from '@weft/contracts'
import { openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AwsKeys, type Cluster, invoke, openCluster } from './cluster.ts'
import { createFunction, echo } from './functions.ts'

let cluster: Cluster
beforeAll(() => {
  cluster = openCluster()
})
afterAll(() => cluster?.[Symbol.dispose]())

test('an account made at run time is there at both frontends, on NATS and in the queue, until it is disabled', async () => {
  const admin = await cluster.admin()
  const { service } = admin
  const made = await admin.call(service.createAccount, { name: 'cluster test', accountId: '', limits: undefined })
  const id = accountId(made.account?.accountId ?? '')
  const keys: AwsKeys = { accessKeyId: '', secretAccessKey: '', ...made.accessKey }
  const [one, two] = [await cluster.lambda('frontend-1', keys), await cluster.lambda('frontend-2', keys)]
  const known = () => invoke(two, 'none', {}).catch((error: Error) => error.name)
  await expect.poll(known, { timeout: 10_000 }).toBe('ResourceNotFoundException')

  await createFunction(one, 'mine', echo, id)
  expect(await invoke(two, 'mine', { a: 1 })).toEqual({ echo: { a: 1 } })
  const servers = await cluster.natsServers()
  const open = () =>
    openLink({ servers, name: 'owner', creds: made.natsCreds, log: silentLogger, firstConnectMs: 2_000 })
  {
    await using owner = await open()
    const accepted = await owner.js.publish(`weft.event.${id}.mine`, '{}')
    expect(accepted).toMatchObject({ stream: streams.events(id), seq: 1 })
    await owner.jsm.streams.add({ name: 'ORDERS', subjects: ['orders'], num_replicas: 3 })
    expect(await owner.js.publish('orders', 'x')).toMatchObject({ seq: 1 })
  }

  await admin.call(service.disableAccount, { accountId: id })
  for (const lambda of [one, two]) {
    const refused = () => lambda.send(new InvokeCommand({ FunctionName: 'mine' })).catch((error: Error) => error.name)
    await expect.poll(refused, { timeout: 10_000 }).toBe('UnrecognizedClientException')
  }
  await expect(open()).rejects.toThrow()
  await admin.call(service.deleteAccount, { accountId: id })
})

test('a rotation of the master key is followed by running services', async () => {
  const admin = await cluster.admin()
  const lambda = await cluster.lambda()
  await createFunction(lambda, 'sealed', echo)
  const { keyId } = await admin.call(admin.service.rotateMasterKey, {})
  for (const frontend of ['frontend-1', 'frontend-2'] as const)
    expect(await invoke(await cluster.lambda(frontend), 'sealed', 1)).toEqual({ echo: 1 })
  const { masterKeys, lostRecords } = await admin.call(admin.service.getEncryption, {})
  expect(masterKeys.at(-1)?.keyId).toBe(keyId)
  expect(lostRecords).toBe(0)
})
