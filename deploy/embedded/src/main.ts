/** Process edge of the fabric in one process: options, signals, exit code. */
import { randomUUID } from 'node:crypto'
import { createLogger, startTelemetry, systemClock, systemRandom } from '@weft/platform'
import { CommanderError } from 'commander'
import { banner } from './banner.ts'
import { removeConnections, writeConnections } from './connection-file.ts'
import { StartFailure } from './data-dir.ts'
import { DemoFailure, runDemo } from './demo/index.ts'
import { type Fabric, startEmbedded } from './fabric.ts'
import { type EmbeddedOptions, parseOptions } from './options.ts'

/** A shell hands Ctrl-C to the whole process group and npm hands it on once more; that is one wish to stop, not two. */
const sameWishMs = 1_000
/** After a stop, what still keeps the process alive is cut off after this time. */
const lingerMs = 2_000

async function main(args: readonly string[]): Promise<number> {
  let options: EmbeddedOptions
  try {
    options = parseOptions(args)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    throw error
  }
  const log = createLogger('weft', options.logLevel)
  const stop = stopSignal()
  const out = process.stdout
  // The SDK reads the variable itself; it is set or it is not.
  const tracing = (process.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? '') !== ''
  await using _telemetry = await startTelemetry({ service: 'weft', instanceId: randomUUID(), enabled: tracing })
  let fabric: Fabric
  try {
    fabric = await startEmbedded(options, {
      clock: systemClock,
      random: systemRandom,
      log,
      progress: (line) => out.write(`  ${line}\n`),
    })
  } catch (error) {
    if (!(error instanceof StartFailure)) log.error({ err: error }, 'the start failed')
    const reason = error instanceof Error ? error.message : String(error)
    process.stderr.write(`weft: ${reason.split('\n', 1)[0]}\n`)
    return 1
  }
  if (!stop.aborted) await serve(fabric, options, stop)
  removeConnections(fabric.dataDir)
  out.write('\nStopping … ')
  await fabric[Symbol.asyncDispose]()
  out.write('done\n')
  return 0
}

async function serve(fabric: Fabric, options: EmbeddedOptions, stop: AbortSignal): Promise<void> {
  const { connection, admin, dataDir, choices } = fabric
  const colours = process.stdout.isTTY === true
  const text = banner({ connection, dataDir, choices, hasHello: fabric.hasFunction('hello') || options.demo, colours })
  process.stdout.write(text)
  writeConnections(dataDir, connection, admin)
  const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }))
  if (options.demo) await Promise.race([demo(fabric), stopped])
  if (stop.aborted) return
  process.stdout.write('\nServing. Ctrl-C stops.\n')
  await stopped
}

/** A main job that fails is told and does not take the fabric down with it. */
async function demo(fabric: Fabric): Promise<void> {
  try {
    await runDemo(fabric.connection, process.stdout)
  } catch (error) {
    if (!(error instanceof DemoFailure)) throw error
    process.stdout.write(`\nThe main job failed: ${error.message}\n`)
  }
}

/** Aborts at the first SIGINT, SIGTERM or SIGHUP (a closed terminal); a later one ends the process at once, and the kernel its children. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  let firstAtMs = 0
  const onSignal = (): void => {
    if (!controller.signal.aborted) {
      firstAtMs = systemClock.monotonic()
      controller.abort()
    } else if (systemClock.monotonic() - firstAtMs > sameWishMs) process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  return controller.signal
}

// A reader that goes away (a closed terminal, `| head`) must not take the fabric down.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

process.exitCode = await main(process.argv.slice(2))
setTimeout(() => process.exit(), lingerMs).unref()
