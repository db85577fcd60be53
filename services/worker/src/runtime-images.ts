import { type DetectedRuntime, runtimePrograms } from '@weft/runtimes'
import { libraryPath, type RuntimeImage } from '@weft/sandbox'

const launcher = (folder: string): readonly string[] => ['/usr/bin/python3', '-I', '-S', '-B', `${folder}/launch.py`]
const javaClientInside = '/var/lang/lib/weft-java.jar'

/** What drivers need to know of each runtime that this host offers, by its id. */
export function runtimeImages(detected: readonly DetectedRuntime[]): ReadonlyMap<string, RuntimeImage> {
  return new Map(detected.map((runtime) => [runtime.id, launchable(runtime, imageOf(runtime))]))
}

/** With a way to start the program when the function is known, where it boots ahead of that otherwise. */
function launchable({ language, version }: DetectedRuntime, image: RuntimeImage): RuntimeImage {
  if (language === 'java' || language === 'custom') return image
  const folder = '/var/lang/launch'
  const launched = {
    ...image,
    binds: [...image.binds, [runtimePrograms.custom, folder] as const],
    command: [...launcher(folder), language, version, ...image.command],
    environment: {},
  }
  return { ...image, launched }
}

function imageOf({ id, language, binary, version, client = '', needs = [] }: DetectedRuntime): RuntimeImage {
  switch (language) {
    case 'nodejs':
      return {
        id,
        // The same file for every sandbox, so that its pages are in memory once.
        binds: [
          [binary, '/var/lang/bin/node'],
          [runtimePrograms.nodejs, '/var/runtime'],
        ],
        command: ['/var/lang/bin/node', '/var/runtime/bootstrap.mjs'],
        environment: { LD_LIBRARY_PATH: libraryPath() },
        framed: true,
      }
    case 'python':
      return {
        id,
        binds: [[runtimePrograms.python, '/var/runtime']],
        // Nothing of the host's packages and of anybody's environment gets in.
        command: [binary, '-I', '-S', '-B', '/var/runtime/bootstrap.py'],
        environment: { LD_LIBRARY_PATH: libraryPath() },
        framed: true,
      }
    case 'java':
      return {
        id,
        binds: [
          [runtimePrograms.custom, '/var/runtime'],
          [client, javaClientInside],
          ...needs.map((path) => [path, path] as const),
        ],
        // The machine itself starts with the function: how much memory it may use cannot be told to a running one.
        command: [...launcher('/var/runtime'), 'java', version, binary, javaClientInside],
        environment: {},
        framed: true,
      }
    case 'ruby':
      return {
        id,
        binds: [[runtimePrograms.ruby, '/var/runtime']],
        command: [binary, '-EUTF-8', '/var/runtime/bootstrap.rb'],
        environment: { LD_LIBRARY_PATH: libraryPath() },
        framed: true,
      }
    case 'custom':
      return {
        id,
        binds: [[runtimePrograms.custom, '/var/runtime']],
        command: launcher('/var/runtime'),
        environment: {},
        framed: false,
      }
  }
}
