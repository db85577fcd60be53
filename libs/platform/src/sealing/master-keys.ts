import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { err, ok, type Result } from '@weft/contracts'

export interface MasterKey {
  /** What envelopes name the key by: a digest of it, so that an id never stands for two keys. */
  readonly id: string
  readonly key: Buffer
  readonly createdAtMs: number
}

/** Keys that wrap data keys. The newest one wraps; all of them unwrap. */
export interface MasterKeys {
  newest(): MasterKey
  /** Looks again where the keys come from when it does not know the id. */
  find(id: string): MasterKey | undefined
  /** Oldest first. */
  list(): readonly MasterKey[]
}

const keyBytes = 32

export function newMasterKey(nowMs: number): MasterKey {
  const key = randomBytes(keyBytes)
  return { id: idOf(key), key, createdAtMs: nowMs }
}

const idOf = (key: Buffer): string =>
  `mk-${createHash('sha256').update('weft master key').update(key).digest('hex').slice(0, 16)}`

/** The text of `master-keys.json`: whoever has it reads every secret of the fabric. */
export const masterKeysText = (keys: readonly MasterKey[]): string =>
  `${JSON.stringify({ keys: keys.map(({ id, key, createdAtMs }) => ({ id, key: key.toString('base64'), createdAtMs })) }, null, 2)}\n`

/** Reads it; the error says what is wrong and never what a key is. */
export function parseMasterKeys(text: string): Result<readonly MasterKey[], string> {
  let keys: unknown
  try {
    keys = (JSON.parse(text) as { keys?: unknown } | null)?.keys
  } catch {
    return err('is not JSON')
  }
  if (!Array.isArray(keys) || keys.length === 0) return err('has no keys')
  const read: MasterKey[] = []
  for (const one of keys as readonly Partial<Record<'id' | 'key' | 'createdAtMs', unknown>>[]) {
    const key = typeof one.key === 'string' ? Buffer.from(one.key, 'base64') : Buffer.alloc(0)
    if (key.byteLength !== keyBytes || one.id !== idOf(key)) return err(`has a damaged key: ${String(one.id)}`)
    read.push({ id: one.id, key, createdAtMs: Number(one.createdAtMs) })
  }
  return ok(read.sort((a, b) => a.createdAtMs - b.createdAtMs))
}

/**
 * The keys of a file, which may get further ones while the process runs: whoever adds a key writes it into the files of all
 * services before anything is sealed with it. Throws when the file cannot be used.
 */
export function openMasterKeys(file: string): MasterKeys & { reload(): void } {
  const load = (): readonly MasterKey[] => {
    const parsed = parseMasterKeys(readFileSync(file, 'utf8'))
    if (!parsed.ok) throw new Error(`${file} ${parsed.error}`)
    return parsed.value
  }
  /** A file that is replaced is another one. */
  const mark = (): string => {
    const { ino, mtimeNs } = statSync(file, { bigint: true })
    return `${ino} ${mtimeNs}`
  }
  let read = mark()
  let keys = load()
  const reload = (): void => {
    read = mark()
    keys = load()
  }
  const known = (id: string): MasterKey | undefined => keys.find((key) => key.id === id)
  return {
    newest: () => keys.at(-1) as MasterKey,
    find(id) {
      if (!known(id) && mark() !== read) reload()
      return known(id)
    },
    list: () => keys,
    reload,
  }
}

/** Makes the file with a first key when there is none. Whole or not at all, readable by its owner only. */
export function ensureMasterKeys(file: string, nowMs: number): void {
  if (!existsSync(file)) writeMasterKeys(file, [newMasterKey(nowMs)])
}

export function writeMasterKeys(file: string, keys: readonly MasterKey[]): void {
  writeFileSync(`${file}.part`, masterKeysText(keys), { mode: 0o600 })
  renameSync(`${file}.part`, file)
}
