import { type Clock, systemClock } from '@weft/platform'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { AdminClient } from './client/admin-client.ts'
import { FabricClient, type InvokeOptions } from './client/client.ts'
import { addAccountCommands } from './commands/admin/account-commands.ts'
import { addEncryptionCommands } from './commands/admin/encryption-commands.ts'
import { environmentOf, shellExports } from './commands/env.ts'
import { explain } from './commands/explain.ts'
import { health } from './commands/health.ts'
import { cancel, result } from './commands/invocations.ts'
import { invoke, readPayload } from './commands/invoke.ts'
import { invokeStream } from './commands/invoke-stream.ts'
import { logs, parseSince } from './commands/logs.ts'
import { type SignOptions, sign } from './commands/sign.ts'
import { findAdminConnection, findConnection } from './connection.ts'
import { CommandError, exitCodes, type Io, paint } from './io.ts'

/** Runs the command line `args` (without program name) and resolves to the exit code. */
export async function runCommand(args: readonly string[], io: Io, clock: Clock = systemClock): Promise<number> {
  let exitCode: number = exitCodes.done
  const program = new Command('weft')
    .description('Use a Weft fabric from the command line.')
    .option('-d, --data-dir <dir>', 'data directory of the fabric (WEFT_DATA_DIR, or that of npm start)')
    .exitOverride()
    .showHelpAfterError('(weft --help tells more)')
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })

  const connection = () => findConnection(io, program.opts<{ dataDir?: string }>().dataDir)
  const withAdmin = async <T>(use: (client: AdminClient) => Promise<T>): Promise<T> => {
    const found = await findAdminConnection(io, program.opts<{ dataDir?: string }>().dataDir)
    using client = new AdminClient(found, () => clock.now())
    return await use(client)
  }
  const withClient = async <T>(use: (client: FabricClient) => Promise<T>): Promise<T> => {
    using client = new FabricClient(await connection(), clock)
    return await use(client)
  }

  program
    .command('env')
    .description('print the connection as shell exports: eval "$(weft env)"')
    .addOption(new Option('-f, --format <format>', 'sh or json').choices(['sh', 'json']).default('sh'))
    .action(async ({ format }: { format: 'sh' | 'json' }) => {
      const found = await connection()
      io.stdout.write(format === 'sh' ? shellExports(found) : `${JSON.stringify(environmentOf(found), null, 2)}\n`)
    })

  program
    .command('invoke')
    .description('run a function and print its answer')
    .argument('<function>', 'name, name:qualifier or ARN')
    .argument('[payload]', 'JSON, @file, or - for standard input', undefined)
    .option('-q, --qualifier <qualifier>', 'version or alias')
    .option('--tenant <id>', 'whose call it is, of a function that keeps tenants apart')
    .option('-t, --tail', 'show the last 4 KB of the log')
    .option('-s, --stream', 'write the answer as it comes, for functions that stream')
    .addOption(new Option('--dry-run', 'only check whether the call would be allowed').conflicts('stream'))
    .action(
      async (
        name: string,
        payload: string | undefined,
        options: { qualifier?: string; tenant?: string; tail?: true; dryRun?: true; stream?: true },
      ) => {
        const body = await readPayload(io, payload)
        const how = {
          ...(options.qualifier !== undefined && { qualifier: options.qualifier }),
          ...(options.tenant !== undefined && { tenantId: options.tenant }),
          ...(options.tail && { logTail: true }),
        }
        const type = options.dryRun ? 'DryRun' : 'RequestResponse'
        exitCode = options.stream
          ? await invokeStream(io, await connection(), name, body, how)
          : await withClient((client) => invoke(io, client, name, body, { ...how, type }))
      },
    )

  program
    .command('publish')
    .description('hand an event to a function; done when it is stored')
    .argument('<function>', 'name, name:qualifier or ARN')
    .argument('[payload]', 'JSON, @file, or - for standard input', undefined)
    .option('-q, --qualifier <qualifier>', 'version or alias')
    .option('--tenant <id>', 'whose event it is, of a function that keeps tenants apart')
    .option('-k, --keep <seconds>', 'keep the result for weft result, 120 to 86400', wholeNumber)
    .action(
      async (
        name: string,
        payload: string | undefined,
        { qualifier, tenant, keep }: { qualifier?: string; tenant?: string; keep?: number },
      ) => {
        const body = await readPayload(io, payload)
        const how: InvokeOptions = {
          type: 'Event',
          ...(keep !== undefined && { keepResultSeconds: keep }),
          ...(qualifier !== undefined && { qualifier }),
          ...(tenant !== undefined && { tenantId: tenant }),
        }
        exitCode = await withClient((client) => invoke(io, client, name, body, how))
      },
    )

  program
    .command('result')
    .description('print what came of a call or an event whose result is kept')
    .argument('<request-id>', 'of the answer')
    .action(async (requestId: string) => {
      exitCode = await withClient((client) => result(io, client, requestId))
    })

  program
    .command('cancel')
    .description('cancel an event that waits for a run, of those whose result is kept')
    .argument('<request-id>', 'of the answer')
    .action(async (requestId: string) => {
      await withClient((client) => cancel(io, client, requestId))
    })

  program
    .command('logs')
    .description("print a function's log")
    .argument('<function>', 'function name, or a log group that begins with /')
    .option('-s, --since <when>', '30s, 10m, 2h, 7d ago, or an ISO 8601 time', '1h')
    .option('-f, --follow', 'go on until Ctrl-C')
    .action(async (name: string, { since, follow }: { since: string; follow?: true }) => {
      const sinceMs = parseSince(since, clock.now())
      await withClient((client) => logs(io, clock, client, name, { sinceMs, follow: follow === true }))
    })

  program
    .command('explain')
    .description('tell where the time of a call went, why it was cold, or what refused it')
    .argument('<request-id>', 'of the answer')
    .option('--metrics <url>', 'where the metrics service answers, in a cluster (WEFT_METRICS_HTTP)')
    .action(async (requestId: string, { metrics }: { metrics?: string }) => {
      await withClient((client) => explain(io, client, requestId, metrics))
    })

  program
    .command('health')
    .description('tell what each service says about itself')
    .action(async () => {
      exitCode = await withClient((client) => health(io, client))
    })

  program
    .command('sign')
    .description('sign a package for functions that take signed code only, and print the thumbprint of the key')
    .argument('<zip>', 'the package')
    .requiredOption('-k, --key <file>', 'private key in PEM: Ed25519, P-256 or RSA')
    .option('-o, --out <file>', 'where the signed package goes (over the package)')
    .option('--days <days>', 'how long the signature is good (for ever)', wholeNumber)
    .action((file: string, options: SignOptions) => sign(io, clock.now(), file, options))

  const admin = program.command('admin').description('administer the fabric: needs its admin.json')
  addAccountCommands(admin, { io, withAdmin })
  addEncryptionCommands(admin, { io, withAdmin })

  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    if (!(error instanceof CommandError)) throw error
    io.stderr.write(`${paint(io.stderr, 'red', 'weft:')} ${error.message}\n`)
    return error.exitCode
  }
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('must be a whole number from 1.')
  return Number(text)
}
