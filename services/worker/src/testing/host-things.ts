import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'

/** Something of the host's that must not be reached: a listener on every address, a socket file, a secret. */
export async function hostThings(dir: string) {
  const servers: Server[] = []
  const listening = async (...where: [number, string] | [string]): Promise<number> => {
    const server = createServer((socket) => socket.destroy())
    servers.push(server)
    server.listen(...(where as [number, string]))
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const port = await listening(0, '0.0.0.0')
  const socketPath = join(dir, 'control.sock')
  await listening(socketPath)
  await listening('\0weft-wall-control')
  writeFileSync(join(dir, 'secret'), 'a secret of the host')
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
  const event = { ports: [port], addresses, sockets: [socketPath, '\0weft-wall-control'], files: [join(dir, 'secret')] }
  return { event, close: () => servers.map((server) => server.close()) }
}
