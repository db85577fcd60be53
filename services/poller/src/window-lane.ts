import {
  backOffDelayMs,
  readWindowState,
  type SourceRecord,
  type TumblingWindow,
  windowMembers,
  windowOf,
} from '@weft/delivery'
import { delay } from '@weft/platform'
import { type BatchContext, mustHold, settle } from './batch-context.ts'
import { giveUp } from './give-up.ts'
import { type BatchRun, runBatch } from './run-batch.ts'
import { settleStreamBatch } from './settle-batch.ts'

interface OpenWindow {
  readonly window: TumblingWindow
  state: unknown
  /** Of this window, run but not settled. */
  readonly records: SourceRecord[]
}

/**
 * A lane of a mapping with tumbling windows: hands the state from run to run, and ends a window with a run of its own. The
 * position moves only when a window has ended, so whoever takes over runs it again from its first record, with an empty
 * state, and every window's result is of each of its records once.
 */
export class WindowLane {
  readonly #context: BatchContext
  readonly #sizeMs: number
  #open: OpenWindow | undefined
  /** Records that were settled with a window which ended in the middle of their batch. */
  readonly #settledEarly = new WeakSet<SourceRecord>()

  constructor(context: BatchContext, sizeMs: number) {
    this.#context = context
    this.#sizeMs = sizeMs
  }

  /** Epoch ms when the open window ends; undefined when none is open. */
  get endsAtMs(): number | undefined {
    return this.#open?.window.endMs
  }

  /** Records of one window, in order. None: the time has come to end the open one. */
  async run(records: readonly SourceRecord[]): Promise<void> {
    const [first] = records
    const window = first && windowOf(first.storedAtMs, this.#sizeMs)
    if (this.#open && (!window || this.#open.window.startMs !== window.startMs)) await this.#end(false)
    if (!window || this.#context.leaving.aborted) return
    this.#open ??= { window, state: {}, records: [] }
    await settleStreamBatch(this.#context, {
      records,
      run: (part, attempt) => this.#runPart(part, attempt),
      settled: async (part) => void this.#open?.records.push(...part.filter((one) => !this.#settledEarly.has(one))),
    })
  }

  async #runPart(part: readonly SourceRecord[], attempt: number): Promise<BatchRun> {
    const open = this.#open as OpenWindow
    const run = await runBatch(this.#context, part, attempt, this.#members(open, false, false))
    if (run.kind !== 'answered') return run
    const state = readWindowState(run.payload)
    if (state.ok) {
      open.state = state.value
      return run
    }
    if (state.error === 'too-large') {
      open.records.push(...part)
      for (const one of part) this.#settledEarly.add(one)
      await this.#end(true)
      this.#open = { window: open.window, state: {}, records: [] }
      return run
    }
    this.#context.report('PROBLEM: Function call failed: its answer has no state')
    return {
      kind: 'function-error',
      response: { statusCode: 200, executedVersion: '', functionError: 'InvalidState' },
    }
  }

  /** The last run of a window. It is tried as often as a batch, then the window is given up. */
  async #end(early: boolean): Promise<void> {
    const context = this.#context
    const { mapping, clock, leaving, backoffMs } = context
    const open = this.#open as OpenWindow
    let failures = 0
    for (let waits = 0; open.records.length > 0; waits++) {
      if (leaving.aborted) return
      const members = this.#members(open, true, early)
      const run = await runBatch(context, [], failures + 1, members, `${open.window.startMs}`)
      mustHold(context)
      if (run.kind === 'answered' && run.failures.kind === 'all-succeeded') break
      if (run.kind !== 'not-run') failures++
      const { maximumRetryAttempts: most } = mapping
      if (run.kind === 'loop' || (most >= 0 && failures > most)) {
        await giveUp(context, open.records, { condition: 'RetryAttemptsExhausted', runs: failures })
        break
      }
      await delay(clock, backOffDelayMs(waits, { backoffMs }), leaving)
    }
    await settle(context, open.records)
    this.#open = undefined
  }

  #members({ window, state }: OpenWindow, isFinal: boolean, isTerminatedEarly: boolean) {
    const { mapping, shard } = this.#context
    return windowMembers({
      window,
      state,
      shardId: shard === '' ? 'shardId-000000000000' : shard,
      eventSourceARN: mapping.eventSourceArn,
      isFinal,
      isTerminatedEarly,
    })
  }
}
