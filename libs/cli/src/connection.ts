import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type AdminConnection,
  type FabricConnection,
  parseAdminConnection,
  parseConnection,
  type Result,
} from '@weft/contracts'
import { CommandError, type Io } from './io.ts'

/** Where `npm start` keeps its data when no other place is named. */
export const defaultDataDir = fileURLToPath(new URL('../../../.weft/data/', import.meta.url))

/**
 * The fabric that a command speaks to: the one of `--data-dir`, else the one the environment names (what `weft env`
 * printed), else the one of `WEFT_DATA_DIR` or of the default data directory.
 */
export async function findConnection(io: Io, dataDir: string | undefined): Promise<FabricConnection> {
  const exported = dataDir === undefined ? connectionOfEnvironment(io.env) : undefined
  return exported ?? readConnection(resolve(dataDir ?? io.env.WEFT_DATA_DIR ?? defaultDataDir))
}

/** The fabric that an administrator's command speaks to: of `--data-dir`, of `WEFT_DATA_DIR`, or the default one. */
export const findAdminConnection = (io: Io, dataDir: string | undefined): Promise<AdminConnection> =>
  read(resolve(dataDir ?? io.env.WEFT_DATA_DIR ?? defaultDataDir), 'admin.json', parseAdminConnection)

export async function readConnection(dir: string): Promise<FabricConnection> {
  const connection = await read(dir, 'connection.json', parseConnection)
  // A cluster writes its file inside a container, which does not know the folder's path outside.
  return { ...connection, natsCreds: resolve(dir, connection.natsCreds) }
}

async function read<T>(dir: string, name: string, parse: (text: string) => Result<T, string>): Promise<T> {
  const file = join(dir, name)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT')
      throw new CommandError(`no fabric runs on ${dir} (no ${name} there): start one with "npm start"`)
    throw new CommandError(`${file} cannot be read: ${code ?? (error as Error).message}`)
  }
  const parsed = parse(text)
  if (!parsed.ok) throw new CommandError(`${file} ${parsed.error}`)
  return parsed.value
}

function connectionOfEnvironment(env: Io['env']): FabricConnection | undefined {
  const { AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = env
  if (!AWS_ENDPOINT_URL || !AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) return undefined
  return {
    http: AWS_ENDPOINT_URL,
    grpc: env.WEFT_GRPC ?? '',
    nats: env.NATS_URL ?? '',
    region: env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1',
    accountId: env.WEFT_ACCOUNT_ID ?? '',
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    natsCreds: env.NATS_CREDS ?? '',
  }
}
