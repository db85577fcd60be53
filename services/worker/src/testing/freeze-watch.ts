import type { SandboxDriver } from '@weft/sandbox'

/** A driver that tells when one of its sandboxes has been frozen. */
export function freezeWatch(driver: SandboxDriver): { readonly driver: SandboxDriver; nextFreeze(): Promise<void> } {
  let waiting: (() => void)[] = []
  const create = driver.create.bind(driver)
  driver.create = async (request) => {
    const sandbox = await create(request)
    const freeze = sandbox.freeze.bind(sandbox)
    sandbox.freeze = async () => {
      await freeze()
      const told = waiting
      waiting = []
      for (const tell of told) tell()
    }
    return sandbox
  }
  return { driver, nextFreeze: () => new Promise((resolve) => waiting.push(resolve)) }
}
