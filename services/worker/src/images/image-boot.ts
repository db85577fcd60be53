import { randomBytes } from 'node:crypto'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageRoot, RuntimeImage, Scratch } from '@weft/sandbox'
import { ApiLink } from '../api-link.ts'
import type { Body, BootDeps } from '../boot.ts'
import { CleanUps } from '../clean-ups.ts'
import { EarlyOutput } from '../early-output.ts'
import { openInsidePorts } from '../inside-ports.ts'
import { holderProgram } from './holder-program.ts'
import { ImageProgram } from './image-program.ts'

export interface ImageBootRequest {
  readonly root: ImageRoot
  readonly ephemeralStorageMb: number
  /** The /tmp of the sandbox before. */
  readonly scratch?: Scratch | undefined
}

export interface PreparedImage {
  readonly body: Body
  /** Is to be told what it is before the body is initialised. */
  readonly program: ImageProgram
}

const bootMs = 30_000
/** The first process of a sandbox; the image's program and its extensions run beside it. */
const holder: RuntimeImage = {
  ...{ id: 'image', binds: [], environment: {}, framed: false },
  command: ['/run/weft/hold'],
}

/**
 * Makes a sandbox whose root is an image, with nothing of the image running yet: INIT starts its program. Rejects leaving
 * nothing behind.
 */
export async function bootImage(deps: BootDeps, request: ImageBootRequest): Promise<PreparedImage> {
  const { driver, clock, log } = deps
  const id = randomBytes(8).toString('hex')
  const socketDir = join(deps.socketsDir, id)
  const cleanUps = new CleanUps(log, id)
  cleanUps.push(() => rm(socketDir, { recursive: true, force: true }))
  let keep = false
  let kept: Scratch | undefined
  try {
    await mkdir(socketDir, { recursive: true })
    await writeFile(join(socketDir, 'hold'), holderProgram(process.arch))
    for (const path of [socketDir, join(socketDir, 'hold')]) await chmod(path, 0o755)
    const sandbox = await driver.create({
      ...{ sandboxId: id, runtime: holder, root: request.root, socketDir, timeoutMs: bootMs },
      ephemeralStorageMb: request.ephemeralStorageMb,
      ...(request.scratch && { scratch: request.scratch }),
    })
    const output = new EarlyOutput()
    sandbox.onOutput((chunk, from) => output.take(chunk, from))
    cleanUps.push(async () => {
      if (keep) kept = await sandbox.retire()
      else await sandbox.destroy()
    })
    const { inside, runtimeApi, endpointUrl } = await openInsidePorts(sandbox, deps.callbackAddress, cleanUps)
    if (!inside) throw new Error(`the ${driver.name} driver cannot serve the Runtime API`)
    const program = new ImageProgram(sandbox, (chunk) => output.take(chunk, 'stdout'), clock, log)
    const link = new ApiLink(program, inside)
    cleanUps.push(() => link.close())
    const body: Body = {
      ...{ sandbox, runtime: program, inside, link, runtimeApi, endpointUrl },
      ...{ taskRoot: '/var/task', layersRoot: '/opt' },
      variables: sandbox.variables,
      outputDelayMs: sandbox.outputDelayMs ?? 0,
      onOutput: (listener) => output.pass(listener),
      destroy: () => cleanUps.run(),
      async retire() {
        keep = true
        await cleanUps.run()
        if (!kept) throw new Error('the /tmp of a sandbox could not be kept')
        return kept
      },
    }
    return { body, program }
  } catch (error) {
    await cleanUps.run()
    throw error
  }
}
