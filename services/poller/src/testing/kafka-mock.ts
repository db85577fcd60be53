import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface KafkaMock extends AsyncDisposable {
  /** `host:port` of its brokers. */
  readonly servers: readonly string[]
  /** Appends `key:value` lines to a partition, with a header `origin: test`. A topic begins with its first use and has four partitions. */
  produce(topic: string, partition: number, lines: readonly string[]): Promise<void>
  /** The values that another consumer of a group reads, by itself, up to the end. */
  restOf(group: string, topic: string): Promise<readonly string[]>
  /** Stops its process, which answers nobody then, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
}

/**
 * The mock cluster of librdkafka: brokers that speak Kafka's protocol on loopback and keep records, groups and offsets in
 * memory. A producer of kcat, which asks for one, is the process that it lives in.
 */
export async function startKafkaMock(brokers = 2): Promise<KafkaMock> {
  const args = ['-P', '-b', 'none', '-t', 'weft.none', '-X', `test.mock.num.brokers=${brokers}`]
  // The kernel kills it when this process dies.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'kcat', ...args], { stdio: ['pipe', 'ignore', 'pipe'] })
  let output = ''
  const servers = await new Promise<readonly string[]>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`kcat ended with ${code}:\n${output}`)))
    child.stderr.on('data', (chunk) => {
      output += chunk
      const [, found] = /replaced with (\S+)\n/.exec(output) ?? []
      if (found !== undefined) resolve(found.split(','))
    })
  })
  const kcat = async (args: readonly string[], input = ''): Promise<string> => {
    const client = spawn('setpriv', ['--pdeathsig', 'KILL', 'kcat', '-q', '-b', servers.join(','), ...args])
    client.stdin.end(input)
    const [read, told] = await Promise.all([text(client.stdout), text(client.stderr), once(client, 'close')])
    if (client.exitCode !== 0) throw new Error(`kcat ${args.join(' ')}: ${told}`)
    return read
  }
  return {
    servers,
    produce: async (topic, partition, lines) => {
      const place = ['-t', topic, '-p', `${partition}`]
      await kcat(['-P', ...place, '-K', ':', '-H', 'origin=test'], lines.map((line) => `${line}\n`).join(''))
    },
    restOf: async (group, topic) => {
      const read = await kcat(['-G', group, '-e', '-X', 'auto.offset.reset=earliest', topic])
      return read.split('\n').filter((line) => line !== '')
    },
    signal: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}
