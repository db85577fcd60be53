import type { ResultFrame, RunFrame } from '@weft/contracts/worker'
import type { Channel, WorkerDirectory } from '@weft/platform'

export interface WorkerLinkEvents {
  readonly dispatcherId: string
  onFrame(frame: ResultFrame): void
  /** `opened` is false when the worker never accepted, so that nothing was sent to it. */
  onLost(opened: boolean): void
}

/**
 * The connection to one worker. Invocations are sent only once the worker has accepted the connection: until then they
 * have provably not started.
 */
export class WorkerLink {
  readonly #channel: Channel<ResultFrame, RunFrame>
  #opened = false
  #early: RunFrame[] = []

  constructor(workerId: string, address: string, directory: WorkerDirectory, events: WorkerLinkEvents) {
    const channel = directory.dial(workerId, address)
    this.#channel = channel
    channel.send({ frame: { $case: 'hello', value: { dispatcherId: events.dispatcherId } } })
    channel.receive((frame) => events.onFrame(frame))
    void channel.opened.then(() => {
      this.#opened = true
      for (const frame of this.#early.splice(0)) channel.send(frame)
    })
    void channel.closed.then(() => events.onLost(this.#opened))
  }

  send(frame: RunFrame): void {
    if (this.#opened) this.#channel.send(frame)
    else this.#early.push(frame)
  }

  close(): void {
    this.#channel.close()
  }
}
