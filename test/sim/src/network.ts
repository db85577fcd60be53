import type { Process } from './process.ts'
import type { Dice } from './random.ts'
import type { Scheduler } from './scheduler.ts'

export interface Ends<In> {
  onFrame(frame: In): void
  onClosed(opened: boolean): void
}

/** One end of a simulated connection: ordered, at most once, told of its close sooner or later. */
export class End<In, Out> {
  readonly process: Process
  readonly link: Link
  peer!: End<Out, In>
  handlers: Ends<In> | undefined
  opened = false
  closed = false
  #lastAt = 0
  #early: In[] = []

  constructor(process: Process, link: Link) {
    this.process = process
    this.link = link
  }

  receive(handlers: Ends<In>): void {
    this.handlers = handlers
    for (const frame of this.#early.splice(0)) handlers.onFrame(frame)
    if (this.closed) handlers.onClosed(this.opened)
  }

  send(frame: Out): void {
    if (!this.closed) this.carry(() => this.peer.#arrive(frame))
  }

  /** What was sent before still arrives. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.carry(() => this.peer.notice())
    this.link.forgetIfClosed()
  }

  /** This end learns that the connection is gone. */
  notice(): void {
    if (this.closed) return
    this.closed = true
    this.link.forgetIfClosed()
    this.handlers?.onClosed(this.opened)
  }

  #arrive(frame: In): void {
    if (this.closed) return
    this.opened = true
    if (this.handlers) this.handlers.onFrame(frame)
    else this.#early.push(frame)
  }

  accept(): void {
    this.opened = true
    this.carry(() => {
      this.peer.opened = true
      this.peer.onOpened?.()
    })
  }

  onOpened: (() => void) | undefined

  /** Has something happen at the other end, after all that was sent before. */
  carry(arrive: () => void): void {
    const { network } = this.link
    this.#lastAt = Math.max(this.#lastAt, network.scheduler.now + network.delay())
    const { link, peer } = this
    network.scheduler.after(this.#lastAt - network.scheduler.now, () => {
      if (!link.dead) peer.process.run(arrive)
    })
  }
}

export class Link {
  readonly network: Network
  readonly a: Process
  readonly b: Process
  ends: readonly [End<never, never>, End<never, never>] | undefined
  /** Nothing is carried any more. */
  dead = false

  constructor(network: Network, a: Process, b: Process) {
    this.network = network
    this.a = a
    this.b = b
  }

  /** The connection breaks; the ends notice at different times. */
  break(detectMs: number): void {
    if (this.dead) return
    const { scheduler, dice } = this.network
    // What is on the wire may still arrive for a while.
    scheduler.after(dice.chance(0.5) ? 0 : dice.between(0, 20), () => {
      this.dead = true
    })
    for (const end of this.ends ?? [])
      scheduler.after(dice.between(0, detectMs), () => end.process.run(() => end.notice()))
  }

  /**
   * One end hangs for a while. The other notices within `detectMs`; what it has sent until then lies in the socket and is
   * read when the end goes on, which only then learns that nobody is there any more.
   */
  hang(hanging: Process, hangMs: number, detectMs: number): void {
    const { scheduler, dice } = this.network
    for (const end of this.ends ?? []) {
      const afterMs = end.process === hanging ? hangMs + dice.between(0, 500) : dice.between(0, detectMs)
      scheduler.after(afterMs, () => end.process.run(() => end.notice()))
    }
  }

  forgetIfClosed(): void {
    if (this.ends?.every((end) => end.closed)) this.network.links.delete(this)
  }
}

export interface NetworkTimes {
  readonly delayMs: readonly [number, number]
  readonly detectMs: number
}

export class Network {
  readonly scheduler: Scheduler
  readonly dice: Dice
  readonly links = new Set<Link>()
  readonly #times: NetworkTimes
  readonly #blocked = new Set<string>()

  constructor(scheduler: Scheduler, dice: Dice, times: NetworkTimes) {
    this.scheduler = scheduler
    this.dice = dice
    this.#times = times
  }

  get detectMs(): number {
    return this.#times.detectMs
  }

  delay(): number {
    const [least, most] = this.#times.delayMs
    return this.dice.chance(0.02) ? this.dice.between(most, most * 10) : this.dice.between(least, most)
  }

  dial<In, Out>(from: Process, to: Process | undefined, accept: (end: End<Out, In>) => void): End<In, Out> {
    const link = new Link(this, from, to ?? from)
    const near = new End<In, Out>(from, link)
    const far = new End<Out, In>(to ?? from, link)
    near.peer = far
    far.peer = near
    link.ends = [near as unknown as End<never, never>, far as unknown as End<never, never>]
    if (!to?.alive || this.blocked(from, to)) {
      link.dead = true
      far.closed = true
      this.scheduler.after(this.delay(), () => from.run(() => near.notice()))
      return near
    }
    this.links.add(link)
    near.carry(() => {
      far.accept()
      accept(far)
    })
    return near
  }

  blocked(a: Process, b: Process): boolean {
    return this.#blocked.has(pairOf(a, b))
  }

  /** Cuts two processes off from one another. */
  block(a: Process, b: Process): void {
    this.#blocked.add(pairOf(a, b))
    for (const link of this.links)
      if ((link.a === a && link.b === b) || (link.a === b && link.b === a)) link.break(this.detectMs)
  }

  heal(): void {
    this.#blocked.clear()
  }

  hangAll(process: Process, hangMs: number): void {
    for (const link of this.links)
      if (link.a === process || link.b === process) link.hang(process, hangMs, this.detectMs)
  }

  /** All connections of a process break; of a dead one quickly, because its host tells. */
  breakAll(process: Process, detectMs = this.detectMs): void {
    for (const link of this.links) if (link.a === process || link.b === process) link.break(detectMs)
  }
}

const pairOf = (a: Process, b: Process): string => (a.id < b.id ? `${a.id} ${b.id}` : `${b.id} ${a.id}`)
