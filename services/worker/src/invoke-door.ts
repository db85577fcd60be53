import type { ResultFrame, RunFrame } from '@weft/contracts/worker'
import type { Channel } from '@weft/platform'
import type { StreamedAnswer } from './answer-path.ts'
import type { Fleet } from './fleet.ts'

/** The invoke door: dispatchers that hold leases send invocations here and get their results, in any order. */
export class InvokeDoor {
  readonly #fleet: Fleet
  readonly #channels = new Set<Channel<RunFrame, ResultFrame>>()

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  /** What is for a dispatcher that has gone is dropped; what runs is left to finish, as on AWS. */
  accept(channel: Channel<RunFrame, ResultFrame>): void {
    /** Of the invocations that run: answers that are streamed if the function does so. */
    const streams = new Map<bigint, StreamedAnswer>()
    this.#channels.add(channel)
    void channel.closed.then(() => {
      this.#channels.delete(channel)
      for (const stream of streams.values()) stream.discard()
    })
    channel.receive(({ frame }) => {
      if (frame?.$case === 'credit') {
        const { seq, bytes, discard } = frame.value
        if (discard) streams.get(seq)?.discard()
        else streams.get(seq)?.credit(bytes)
      } else if (frame?.$case === 'invoke') {
        const { seq } = frame.value
        let ended = false
        const stream = this.#fleet.run(frame.value, (reply) => {
          if (reply.$case === 'result') {
            ended = true
            streams.delete(seq)
          }
          channel.send({ frame: reply })
        })
        if (stream && !ended) streams.set(seq, stream)
      }
    })
  }

  close(): void {
    for (const channel of this.#channels) channel.close()
  }
}
