import type { Sandbox } from '@weft/sandbox'
import { forwardCallbacks } from './callback-forward.ts'
import type { CleanUps } from './clean-ups.ts'
import { InsideApi } from './inside-api.ts'

const runtimeApiPort = 9001
const callbackPort = 9002

export interface InsidePorts {
  /** Absent where the driver cannot listen inside. */
  readonly inside: InsideApi | undefined
  /** host:port of the Runtime API as seen inside. */
  readonly runtimeApi: string
  /** URL of the fabric as seen inside. */
  readonly endpointUrl: string | undefined
}

/** Opens what a sandbox finds on its own loopback: the Runtime API, and the way back to the fabric. */
export async function openInsidePorts(
  sandbox: Sandbox,
  callbackAddress: { readonly host: string; readonly port: number } | undefined,
  cleanUps: CleanUps,
): Promise<InsidePorts> {
  const ports = [runtimeApiPort, ...(callbackAddress ? [callbackPort] : [])]
  const opened = await Promise.allSettled(ports.map((port) => sandbox.listen?.(port)))
  const [api, callback] = opened.map((one) => (one.status === 'fulfilled' ? one.value : undefined))
  for (const one of opened) {
    if (one.status === 'fulfilled') continue
    for (const listener of [api, callback]) listener?.server.close()
    throw one.reason
  }
  const inside = api && new InsideApi(api.server)
  cleanUps.push(() => inside?.close())
  if (callback && callbackAddress) cleanUps.push(forwardCallbacks(callback.server, callbackAddress))
  return {
    inside,
    runtimeApi: api?.address ?? `127.0.0.1:${runtimeApiPort}`,
    endpointUrl: callback && `http://${callback.address}`,
  }
}
