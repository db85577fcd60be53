import { writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { ProgramRequest } from '@weft/sandbox'
import { processConfig } from './bundle.ts'
import type { NamespaceHelper, ProcessEnd } from './helper.ts'
import { openPipe } from './pipe.ts'

export interface Started {
  readonly pid: number
  readonly end: Promise<ProcessEnd>
}

/** Starts processes through an OCI runtime, whose children they are not: the helper watches them. */
export class Runc {
  readonly #binary: string
  readonly #stateDir: string
  readonly #helper: NamespaceHelper

  constructor(binary: string, stateDir: string, helper: NamespaceHelper) {
    this.#binary = binary
    this.#stateDir = stateDir
    this.#helper = helper
  }

  /** Starts a sandbox from its bundle; rejects with what the runtime had to say. */
  async start(
    sandboxId: string,
    bundle: string,
  ): Promise<Started & { readonly stdout: Socket; readonly stderr: Socket }> {
    const [stdout, stderr, pidFile] = [join(bundle, 'stdout'), join(bundle, 'stderr'), join(bundle, 'pid')]
    await this.#helper.pipes([stdout, stderr])
    // Opened before the writers, which would wait for a reader, and read only once there are writers.
    const [out, errors] = [await openPipe(stdout), await openPipe(stderr)]
    try {
      const command = this.#command('run', '--detach', '--bundle', bundle, '--pid-file', pidFile, sandboxId)
      const started = await this.#helper.run({ command, stdout, stderr, pidFile })
      return { ...started, stdout: out.stream(), stderr: errors.stream() }
    } catch (error) {
      const said = await errors.drain()
      await out.drain()
      throw new Error(said === '' ? (error as Error).message : `${(error as Error).message}: ${said}`)
    }
  }

  /** Starts another process in a sandbox; rejects with what the runtime had to say. */
  async exec(
    sandboxId: string,
    bundle: string,
    request: ProgramRequest,
    openFilesHardLimit: number,
  ): Promise<Started & { readonly output: Socket }> {
    const base = join(bundle, request.programId)
    const [stdout, pidFile, config] = [`${base}.out`, `${base}.pid`, `${base}.json`]
    await writeFile(config, JSON.stringify(processConfig(request, openFilesHardLimit)))
    await this.#helper.pipes([stdout])
    const output = await openPipe(stdout)
    try {
      const command = this.#command('exec', '--detach', '--process', config, '--pid-file', pidFile, sandboxId)
      const started = await this.#helper.run({ command, stdout, stderr: stdout, pidFile })
      return { ...started, output: output.stream() }
    } catch (error) {
      const said = await output.drain()
      throw new Error(said === '' ? (error as Error).message : said)
    }
  }

  #command(...words: readonly string[]): readonly string[] {
    return [this.#binary, '--root', this.#stateDir, ...words]
  }
}
