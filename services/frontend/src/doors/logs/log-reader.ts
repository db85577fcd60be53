import { type AccountId, type FunctionName, functionName, isFunctionName, subjects } from '@weft/contracts'
import { readLogBatches } from '@weft/delivery'
import type { StreamReader } from '@weft/nats'
import type { Catalogue } from '@weft/registry'

/** One line, with its place in the stream of all logs. */
export interface LogEvent {
  readonly sequence: number
  /** Place among the lines of its message. */
  readonly index: number
  readonly logStream: string
  readonly atMs: number
  readonly message: string
  readonly storedAtMs: number
}

/** Where a reading goes on. */
export interface LogPlace {
  readonly sequence: number
  readonly index: number
}

export interface LogGroup {
  readonly name: string
  readonly functions: readonly FunctionName[]
}

/** Clocks of workers and servers may differ by this much, and a line waits this long at most on its way. */
const skewMs = 60_000

export const defaultLogGroup = (name: FunctionName): string => `/aws/lambda/${name}`

/** Reads the log lines of functions. Every call names the account, and nothing of another is reached. */
export class LogReader {
  readonly #logs: StreamReader
  readonly #catalogue: Pick<Catalogue, 'functions' | 'versions'>

  constructor(logs: StreamReader, catalogue: Pick<Catalogue, 'functions' | 'versions'>) {
    this.#logs = logs
    this.#catalogue = catalogue
  }

  /** Groups of the functions there are, and of deleted ones whose lines are still kept; in order of name. */
  async groups(account: AccountId): Promise<readonly LogGroup[]> {
    const groups = new Map<string, FunctionName[]>()
    const add = (name: string, fn: FunctionName): void => {
      groups.set(name, [...(groups.get(name) ?? []), fn])
    }
    const known = new Set<string>()
    for (const record of this.#catalogue.functions(account)) {
      known.add(record.functionName)
      const versions = [record.latest, ...this.#catalogue.versions(account, record.functionName)]
      for (const group of new Set(versions.map((version) => version.logGroup))) add(group, record.functionName)
    }
    for (const subject of (await this.#logs.subjects(subjects.logOf(account))).keys()) {
      const name = subject.split('.')[3] ?? ''
      if (isFunctionName(name) && !known.has(name)) add(defaultLogGroup(functionName(name)), functionName(name))
    }
    return [...groups].map(([name, functions]) => ({ name, functions })).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async group(account: AccountId, name: string): Promise<LogGroup | undefined> {
    return (await this.groups(account)).find((group) => group.name === name)
  }

  /**
   * The group's lines in the order in which they were stored, from a place, or from a time of the lines themselves:
   * then some older ones come too. Yields after each message how far the reading is.
   */
  async *read(
    account: AccountId,
    group: LogGroup,
    from: LogPlace | { readonly timeMs: number },
  ): AsyncGenerator<{ readonly events: readonly LogEvent[]; readonly bytes: number }> {
    const filter = group.functions.map((fn) => subjects.log(account, fn))
    const start =
      'sequence' in from ? { sequence: from.sequence } : { timeMs: Math.max(0, Math.floor(from.timeMs) - skewMs) }
    for await (const message of this.#logs.scan({ filter, from: start })) {
      const events = linesOf(message.data, group.name).map((line, index) => ({
        ...line,
        index,
        sequence: message.sequence,
        storedAtMs: message.storedAtMs,
      }))
      const skip = 'sequence' in from && message.sequence === from.sequence ? from.index : 0
      yield { events: events.slice(skip), bytes: message.data.byteLength }
    }
  }
}

/** The lines of a message that belong to the group. */
const linesOf = (data: Uint8Array, group: string): Pick<LogEvent, 'logStream' | 'atMs' | 'message'>[] =>
  readLogBatches(data)
    .filter((batch) => batch.logGroup === group)
    .flatMap((batch) => batch.lines.map(({ atMs, message }) => ({ logStream: batch.logStream, atMs, message })))
