import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import type { Answer, FabricClient } from '@weft/cli'
import type { FabricConnection } from '@weft/contracts'
import { ZipFile } from 'yazl'

/** Sends a request of the Lambda API to the first door; anything but a success is an error. */
export async function lambda(
  [door]: readonly FabricClient[],
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  if (!door) throw new Error('there is no frontend')
  const text = body === undefined ? '' : JSON.stringify(body)
  const answer = await door.send('lambda', method, path, { 'content-type': 'application/json' }, text)
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.error.code}: ${answer.error.message}`)
  return answer.value
}

/** A function of one module; resolves when every door knows that it is active. */
export async function createFunction(
  doors: readonly FabricClient[],
  { accountId }: FabricConnection,
  name: string,
  module: string,
  timeoutSeconds: number,
): Promise<void> {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.from(module), 'index.mjs')
  zip.end()
  await lambda(doors, 'POST', '/2015-03-31/functions', {
    FunctionName: name,
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Role: `arn:aws:iam::${accountId}:role/weft-full-access`,
    Timeout: timeoutSeconds,
    MemorySize: 256,
    Code: { ZipFile: (await buffer(zip.outputStream)).toString('base64') },
  })
  const active = async (door: FabricClient): Promise<boolean> => {
    const answer = await door.send('lambda', 'GET', `/2015-03-31/functions/${name}/configuration`, {}, '')
    return answer.ok && (JSON.parse(answer.value.body.toString('utf8')) as { State: string }).State === 'Active'
  }
  for (const door of doors) while (!(await active(door))) await wait(50)
}
