import { crc32 } from 'node:zlib'
import { type AwsError, awsError, err, limits, ok, type Result } from '@weft/contracts'
import { type Entry, fromBuffer, type ZipFile } from 'yauzl'
import { type CheckedEntry, checkEntry, checkLink, PackageBudget } from './entry-rules.ts'

/** Receives a package entry by entry; every path has been checked. */
export interface PackageSink {
  directory(path: string): void
  /** Chunks follow, then `end`. */
  file(path: string, executable: boolean): { write(chunk: Buffer): void; end(): void }
  symlink(path: string, target: string): void
}

export interface PackageSummary {
  readonly entries: number
  readonly unzippedBytes: number
}

class Refused extends Error {
  readonly tooLarge: boolean

  constructor(reason: string, tooLarge = false) {
    super(reason)
    this.tooLarge = tooLarge
  }
}

const unwrap = <T>(result: Result<T, string>): T => {
  if (!result.ok) throw new Refused(result.error)
  return result.value
}

/** AWS's two answers; the reason behind the first is for the log only, as AWS gives none. */
export const couldNotUnzip: AwsError = awsError(
  'InvalidParameterValueException',
  'Could not unzip uploaded file. Please check your file, then try to upload again.',
)
export const unzippedTooLarge: AwsError = awsError(
  'InvalidParameterValueException',
  `Unzipped size must be smaller than ${limits.unzippedBytes} bytes`,
)

/**
 * Reads a deployment package from beginning to end: checks every entry, decompresses every byte (so that sizes and
 * checksums that lie are found) and hands what it finds to the sink. Sizes are counted while they are unpacked, so an
 * archive that expands without end is stopped at the limit. Errors: AWS's texts for an unreadable and a too large package.
 */
export async function readZip(zip: Buffer, sink?: PackageSink): Promise<Result<PackageSummary, AwsError>> {
  const budget = new PackageBudget()
  let file: ZipFile | undefined
  try {
    file = await open(zip)
    if (file.entryCount > limits.zipEntries) throw new Refused(`the package has more than ${limits.zipEntries} entries`)
    for await (const entry of entriesOf(file)) await readEntry(file, entry, budget, sink)
  } catch (error) {
    // yauzl rejects with plain errors for every kind of damage; an error of the sink is no fault of the package.
    if (error instanceof SinkFailure) throw error.cause
    return err(error instanceof Refused && error.tooLarge ? unzippedTooLarge : couldNotUnzip)
  } finally {
    file?.close()
  }
  return budget.entries === 0 ? err(couldNotUnzip) : ok({ entries: budget.entries, unzippedBytes: budget.bytes })
}

class SinkFailure extends Error {}

const sinking = <T>(work: () => T): T => {
  try {
    return work()
  } catch (error) {
    throw new SinkFailure('the package could not be written', { cause: error })
  }
}

async function readEntry(
  file: ZipFile,
  entry: Entry,
  budget: PackageBudget,
  sink: PackageSink | undefined,
): Promise<void> {
  const checked = unwrap(checkEntry(entry))
  if (checked.path === '') return
  unwrap(budget.enter(checked))
  if (checked.kind === 'directory') return sinking(() => sink?.directory(checked.path))
  if (checked.kind === 'symlink') {
    const chunks: Buffer[] = []
    await pour(file, entry, budget, (chunk) => chunks.push(chunk))
    const target = unwrap(checkLink(checked.path, Buffer.concat(chunks).toString('utf8')))
    return sinking(() => sink?.symlink(checked.path, target))
  }
  await pourFile(file, entry, checked, budget, sink)
}

async function pourFile(
  file: ZipFile,
  entry: Entry,
  { path, executable }: CheckedEntry,
  budget: PackageBudget,
  sink: PackageSink | undefined,
) {
  const target = sinking(() => sink?.file(path, executable))
  try {
    await pour(file, entry, budget, (chunk) => sinking(() => target?.write(chunk)))
  } finally {
    sinking(() => target?.end())
  }
}

/** Decompresses one entry; checks its size and checksum at the end. */
async function pour(file: ZipFile, entry: Entry, budget: PackageBudget, write: (chunk: Buffer) => void): Promise<void> {
  let crc = 0
  let bytes = 0
  for await (const chunk of (await openEntry(file, entry)) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (!budget.spend(chunk.length)) throw new Refused('the package is too large', true)
    crc = crc32(chunk, crc)
    write(chunk)
  }
  if (bytes !== entry.uncompressedSize) throw new Refused('an entry lies about its size')
  if (crc !== entry.crc32 >>> 0) throw new Refused('an entry does not match its checksum')
}

const open = (zip: Buffer): Promise<ZipFile> =>
  new Promise((resolve, reject) => {
    fromBuffer(zip, { lazyEntries: true, validateEntrySizes: true, strictFileNames: true }, (error, file) =>
      error ? reject(error) : resolve(file),
    )
  })

async function* entriesOf(file: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      const settle = (act: () => void) => () => {
        file.removeAllListeners()
        act()
      }
      file.once('entry', (next: Entry) => settle(() => resolve(next))())
      file.once(
        'end',
        settle(() => resolve(undefined)),
      )
      file.once('error', (error: Error) => settle(() => reject(error))())
      file.readEntry()
    })
    if (entry === undefined) return
    yield entry
  }
}

const openEntry = (file: ZipFile, entry: Entry): Promise<NodeJS.ReadableStream> =>
  new Promise((resolve, reject) => {
    file.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)))
  })
