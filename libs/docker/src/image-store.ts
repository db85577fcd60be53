import { createHash, randomBytes } from 'node:crypto'
import { finished } from 'node:stream/promises'
import type { Clock, Logger } from '@weft/platform'
import type { ImageContent, ImageRoot } from '@weft/sandbox'
import type Docker from 'dockerode'
import tar from 'tar-stream'
import { ownerLabel } from './container-options.ts'
import { statusOf, withTimeout } from './engine.ts'
import { imageArchive } from './image-archive.ts'

/** An image that the engine has. */
export class DockerImageRoot implements ImageRoot {
  /** By which the engine knows it. */
  readonly imageName: string
  readonly extensions: readonly string[]
  readonly #release: () => void
  #held = true

  constructor(imageName: string, extensions: readonly string[], release: () => void) {
    this.imageName = imageName
    this.extensions = extensions
    this.#release = release
  }

  async release(): Promise<void> {
    if (!this.#held) return
    this.#held = false
    this.#release()
  }
}

interface Loaded {
  readonly imageName: string
  readonly ready: Promise<readonly string[]>
  readonly sizeBytes: number
  users: number
}

const callMs = 20_000
/** Loading ten gigabytes takes its time. */
const loadMs = 15 * 60_000
/** Images that nobody uses are kept while all of them are not larger than this, stored. */
const idleBytes = 10 * 1024 ** 3

/** Images that the engine was given, by the digests of their manifests, while somebody uses them and for a while after. */
export class ImageStore {
  readonly #docker: Docker
  readonly #owner: string
  readonly #clock: Clock
  readonly #log: Logger
  /** The one that was used longest ago first. */
  readonly #loaded = new Map<string, Loaded>()
  readonly #leaving = new Map<string, Promise<void>>()

  constructor(docker: Docker, owner: string, clock: Clock, log: Logger) {
    this.#docker = docker
    this.#owner = owner
    this.#clock = clock
    this.#log = log
  }

  async open(content: ImageContent): Promise<DockerImageRoot> {
    const { digest } = content
    const loaded = this.#loaded.get(digest) ?? this.#load(content)
    loaded.users += 1
    const release = (): void => {
      loaded.users -= 1
      this.#evict(idleBytes)
    }
    try {
      const extensions = await loaded.ready
      this.#loaded.delete(digest)
      this.#loaded.set(digest, loaded)
      return new DockerImageRoot(loaded.imageName, extensions, release)
    } catch (error) {
      release()
      throw error
    }
  }

  /** Has the engine forget every image that this worker or an earlier one gave it; resolves to their names. */
  async removeAll(): Promise<readonly string[]> {
    await Promise.allSettled(this.#leaving.values())
    this.#loaded.clear()
    const images = await withTimeout(this.#clock, callMs, 'list images', (call) =>
      this.#docker.listImages({ filters: { label: [`${ownerLabel}=${this.#owner}`] }, ...call }),
    )
    const names = images.flatMap(({ Id, RepoTags }) => (RepoTags && RepoTags.length > 0 ? RepoTags : [Id]))
    for (const name of names) await this.#remove(name)
    return names
  }

  /** Has the engine forget the images that nobody uses. */
  async close(): Promise<void> {
    this.#evict(0)
    await Promise.allSettled(this.#leaving.values())
  }

  #load(content: ImageContent): Loaded {
    const { digest, layers } = content
    // Another worker's images are its own: the engine keeps what both have once.
    const mark = createHash('sha256').update(this.#owner).digest('hex').slice(0, 12)
    const imageName = `weft-image-${mark}:${digest.slice(0, 32)}`
    const load = async (): Promise<readonly string[]> => {
      await this.#leaving.get(digest)
      await this.#give(content, imageName)
      return this.#extensionsIn(imageName)
    }
    const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0)
    const loaded: Loaded = { imageName, ready: load(), sizeBytes, users: 0 }
    this.#loaded.set(digest, loaded)
    loaded.ready.catch(() => this.#loaded.delete(digest))
    return loaded
  }

  async #give(content: ImageContent, imageName: string): Promise<void> {
    const archive = await imageArchive(content, imageName, { [ownerLabel]: this.#owner })
    await withTimeout(this.#clock, loadMs, 'load an image', async (call) => {
      const answer = await this.#docker.loadImage(archive, { quiet: true, ...call })
      // The engine tells of a failure inside a successful answer.
      await new Promise<void>((resolve, reject) =>
        this.#docker.modem.followProgress(answer, (error: Error | null) => (error ? reject(error) : resolve())),
      )
      await this.#docker.getImage(imageName).inspect()
    })
  }

  /** Programs in the image's /opt/extensions, which the engine alone can look at: in a container that never runs. */
  async #extensionsIn(imageName: string): Promise<readonly string[]> {
    const name = `weft-look-${randomBytes(6).toString('hex')}`
    return withTimeout(this.#clock, callMs, 'look into an image', async (call) => {
      const container = await this.#docker.createContainer({
        ...{ name, Image: imageName, Cmd: ['/none'], Labels: { [ownerLabel]: this.#owner } },
        ...call,
      })
      try {
        return await namesIn(await container.getArchive({ path: '/opt/extensions', ...call }))
      } catch (error) {
        if (statusOf(error) === 404) return []
        throw error
      } finally {
        await container.remove({ force: true, ...call })
      }
    })
  }

  #evict(keepBytes: number): void {
    const idle = [...this.#loaded].filter(([, { users }]) => users === 0)
    let bytes = idle.reduce((sum, [, { sizeBytes }]) => sum + sizeBytes, 0)
    for (const [digest, { imageName, sizeBytes }] of idle) {
      if (bytes <= keepBytes) return
      bytes -= sizeBytes
      this.#loaded.delete(digest)
      const leaving = this.#remove(imageName)
        .catch((error: unknown) => this.#log.error({ err: error, imageName }, 'an image could not be removed'))
        .finally(() => this.#leaving.delete(digest))
      this.#leaving.set(digest, leaving)
    }
  }

  async #remove(imageName: string): Promise<void> {
    try {
      await withTimeout(this.#clock, callMs, 'remove an image', (call) =>
        this.#docker.getImage(imageName).remove({ force: true, ...call }),
      )
    } catch (error) {
      if (statusOf(error) !== 404) throw error
    }
  }
}

/** Names of what may be a program right below the folder that an archive of the engine's holds. */
async function namesIn(archive: NodeJS.ReadableStream): Promise<readonly string[]> {
  const extract = tar.extract()
  const names: string[] = []
  extract.on('entry', ({ name, type }, stream, next) => {
    const [, file, ...deeper] = name.split('/')
    if (file && deeper.length === 0 && type !== 'directory') names.push(file)
    stream.on('end', next)
    stream.resume()
  })
  archive.pipe(extract as unknown as NodeJS.WritableStream)
  await finished(extract as unknown as NodeJS.WritableStream)
  return names.sort()
}
