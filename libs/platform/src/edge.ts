import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { z } from 'zod'
import { type Clock, systemClock } from './clock.ts'
import { type ConfigOf, readConfig, type Setting, setting, settings } from './config.ts'
import { type HealthOptions, startHealthServer } from './health.ts'
import type { Service } from './lifecycle.ts'
import { createLogger, type Logger } from './log.ts'
import { startTelemetry } from './telemetry.ts'

/** Settings that every service of a cluster takes, beside its own. */
export const edgeFields = {
  /** Unlike that of any other instance, also of an earlier process on the same host. */
  instanceId: setting(
    'WEFT_INSTANCE_ID',
    z
      .string()
      .regex(/^[\w-]{1,64}$/, 'must be up to 64 letters, digits, - and _')
      .default(
        () =>
          `${hostname()
            .replace(/[^\w-]/g, '-')
            .slice(0, 40)}-${randomBytes(4).toString('hex')}`,
      ),
  ),
  /** Address that the service's ports are opened on. */
  host: setting('WEFT_HOST', settings.text.default('0.0.0.0')),
  /** Port of /healthz, /readyz and /metrics. */
  healthPort: setting('WEFT_HEALTH_PORT', settings.port.default(8080)),
  logLevel: setting('WEFT_LOG_LEVEL', settings.logLevel.default('info')),
  /** Read by OpenTelemetry itself too; traces are exported exactly when it is set. */
  otlpEndpoint: setting('OTEL_EXPORTER_OTLP_ENDPOINT', settings.text.optional()),
} as const

/** A setting that names a file; its value is the file's content. The content never appears in a message. */
export const fileSetting = (name: string) =>
  setting(
    name,
    z.string().transform((path, context) => {
      try {
        return readFileSync(path, 'utf8')
      } catch (error) {
        context.addIssue({ code: 'custom', message: `cannot be read (${(error as NodeJS.ErrnoException).code})` })
        return z.NEVER
      }
    }),
  )

export interface Edge {
  readonly clock: Clock
  readonly log: Logger
  /** What the start opens; closed in reverse order after the service has stopped, and when the start fails. */
  readonly opened: AsyncDisposableStack
}

export interface EdgeService {
  readonly service: Service
  readonly details?: HealthOptions['details']
  readonly metrics?: HealthOptions['metrics']
  /** Takes the paths of the health port that are not health's own; 404 without it. */
  readonly fallback?: (request: IncomingMessage, response: ServerResponse) => void
}

export interface ServiceProcess<F extends Record<string, Setting>> {
  readonly service: string
  readonly fields: F
  readonly check?: (config: ConfigOf<F & typeof edgeFields>) => readonly string[]
  start(config: ConfigOf<F & typeof edgeFields>, edge: Edge): Promise<EdgeService>
}

/** After a stop, how long the event loop may take to empty before the process ends all the same. */
const emptyMs = 5_000

/**
 * The edge of a service's process: reads the environment, answers health checks from the first moment, starts the
 * service, and on SIGTERM or SIGINT turns not ready, stops it and lets the process end. Exit code 0 after a clean stop;
 * 1 when the configuration is wrong or the start fails, with a line that says why.
 */
export async function runService<F extends Record<string, Setting>>(options: ServiceProcess<F>): Promise<void> {
  const fields = { ...options.fields, ...edgeFields } as F & typeof edgeFields
  const read = readConfig(fields, process.env, options.check)
  if (!read.ok) {
    for (const line of read.error) process.stderr.write(`${options.service}: ${line}\n`)
    process.exitCode = 1
    return
  }
  const config = read.value
  const { instanceId, host, healthPort, logLevel, otlpEndpoint } = config as ConfigOf<typeof edgeFields>
  const log = createLogger(options.service, logLevel)
  const clock = systemClock
  let running: EdgeService | undefined
  let stopping = false
  const asked = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        stopping = true
        resolve(signal)
      })
  })
  const opened = new AsyncDisposableStack()
  try {
    opened.use(await startTelemetry({ service: options.service, instanceId, enabled: otlpEndpoint !== undefined }))
    opened.use(
      await startHealthServer({
        service: options.service,
        host,
        port: healthPort,
        problems: () => running?.service.problems() ?? ['the service is starting'],
        stopping: () => stopping,
        details: () => ({ instanceId, ...running?.details?.() }),
        metrics: async () => (await running?.metrics?.()) ?? '',
        fallback: (request, response) => {
          if (running?.fallback) running.fallback(request, response)
          else response.writeHead(404).end('not found\n')
        },
      }),
    )
    running = await options.start(config, { clock, log, opened })
    log.info({ instanceId }, 'ready')
    log.info({ signal: await asked }, 'stopping')
    await running.service[Symbol.asyncDispose]()
    await opened.disposeAsync()
    log.info('stopped')
  } catch (error) {
    log.fatal({ err: error }, 'cannot go on')
    process.exitCode = 1
    await opened.disposeAsync().catch((later: unknown) => log.warn({ err: later }, 'not everything could be closed'))
  }
  clock.schedule(emptyMs, () => process.exit())
}
