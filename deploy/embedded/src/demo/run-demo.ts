import { readFile } from 'node:fs/promises'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { accountId, type FabricConnection, streamArn } from '@weft/contracts'
import { type NatsLink, openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { type Deployed, deploy } from './deploy.ts'
import { type DoorResult, tryCustomRuntime, tryEvent, tryGrpc, tryHttp, tryNats } from './doors.ts'
import { orFail } from './failure.ts'
import { exampleFunctions } from './functions.ts'
import { ensureMapping, lastResult } from './mapping.ts'
import { describePackages, gatherPackages } from './packages/gather.ts'
import { awaitReport } from './report.ts'
import { ensureRoles } from './roles.ts'
import { packageStream, publishPackages } from './stream.ts'
import { count, doorTable, mebibytes, milliseconds, reportTable } from './tables.ts'

/** The steps of the main job, in order; `index.ts` has its promise. */
export async function demo(fabric: FabricConnection, out: NodeJS.WritableStream): Promise<void> {
  const lambda = new LambdaClient({
    endpoint: fabric.http,
    region: fabric.region,
    credentials: { accessKeyId: fabric.accessKeyId, secretAccessKey: fabric.secretAccessKey },
  })
  try {
    await using link = await openLink({
      servers: [fabric.nats],
      creds: await readFile(fabric.natsCreds, 'utf8'),
      name: 'weft-demo',
      log: silentLogger,
    })
    const step = stepper(out)
    out.write('\nThe packages of this machine, through functions\n\n')
    const functions = await step(
      'deploy the examples',
      () => deployAll(lambda, fabric),
      (deployed) => describeDeployment(deployed),
    )
    const records = await step('gather packages', gatherPackages, describePackages)
    const published = await step(
      `publish to the stream ${packageStream}`,
      () => publishPackages(link, records),
      (all) => `${count(all.published)} new, ${count(all.known)} known`,
    )
    const source = streamArn(fabric.region, accountId(fabric.accountId), packageStream)
    const mapping = await step(
      'map the stream to package-ledger',
      () => ensureMapping(lambda, source, exampleFunctions.ledger.functionName),
      ({ what }) => what,
    )
    const report = await step(
      'wait for the report',
      () =>
        awaitReport(lambda, exampleFunctions.report.functionName, published.total, () =>
          lastResult(lambda, mapping.uuid),
        ),
      (all) => `${count(all.packages)} packages, ${mebibytes(all.bytes)}, from ${count(all.batches)} batches`,
    )
    out.write(`\n${reportTable(report)}\n`)
    const doors = await orFail('try the doors', () =>
      tryDoors(lambda, fabric, link, {
        packages: report.packages,
        runtimes: functions.map(({ runtime }) => runtime),
      }),
    )
    out.write(`\n${doorTable(doors)}\n`)
  } finally {
    lambda.destroy()
  }
}

async function deployAll(lambda: LambdaClient, fabric: FabricConnection): Promise<Deployed[]> {
  const wanted = Object.values(exampleFunctions)
  const arns = await ensureRoles(
    fabric,
    wanted.map(({ role }) => role),
  )
  return Promise.all(wanted.map((one) => deploy(lambda, one, arns.get(one.role.name) ?? '')))
}

async function tryDoors(
  lambda: LambdaClient,
  fabric: FabricConnection,
  link: NatsLink,
  event: Readonly<Record<string, unknown>>,
): Promise<DoorResult[]> {
  const { hello, audit, facts } = exampleFunctions
  // One after another: each latency is that of a call on an otherwise idle fabric.
  return [
    await tryHttp(lambda, hello.functionName),
    await tryGrpc(fabric, hello.functionName),
    await tryNats(fabric, link, hello.functionName),
    await tryCustomRuntime(lambda, facts.functionName),
    ...(await tryEvent(lambda, fabric, audit.functionName, event)),
  ]
}

function describeDeployment(deployed: readonly Deployed[]): string {
  const by = Map.groupBy(deployed, ({ what }) => what)
  return [...by].map(([what, of]) => `${of.length} ${what}`).join(', ')
}

/** Runs a step and writes one line about it: its name, what came out, and how long it took. */
const stepper =
  (out: NodeJS.WritableStream) =>
  async <T>(name: string, run: () => Promise<T>, tell: (result: T) => string): Promise<T> => {
    const startedMs = performance.now()
    const result = await orFail(name, run)
    const taken = milliseconds(performance.now() - startedMs)
    out.write(`  ${name.padEnd(34)} ${tell(result)}  (${taken})\n`)
    return result
  }
