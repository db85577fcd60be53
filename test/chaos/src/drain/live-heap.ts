/** Opens the inspector of a process that runs with `--inspect-port=0`, whose output is given, and asks what is alive in its heap. */
export class HeapProbe implements Disposable {
  readonly #socket: WebSocket
  readonly #answers = new Map<number, (result: unknown) => void>()
  #asked = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id: number; result: unknown }
      this.#answers.get(id)?.(result)
      this.#answers.delete(id)
    })
  }

  /** `output`: what the process has printed, the address of its inspector among it. */
  static async open(output: string): Promise<HeapProbe> {
    const [address] = /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(output) ?? []
    if (address === undefined) throw new Error('the process tells of no inspector')
    const socket = new WebSocket(address)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    return new HeapProbe(socket)
  }

  /** Heap and buffers after a full collection, MB. */
  async liveMb(): Promise<number> {
    await this.#ask('HeapProfiler.collectGarbage', {})
    const expression = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())'
    const answer = (await this.#ask('Runtime.evaluate', { expression })) as { result: { value: number } }
    return answer.result.value / 1_048_576
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }

  #ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#asked
    return new Promise((resolve) => {
      this.#answers.set(id, resolve)
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }
}
