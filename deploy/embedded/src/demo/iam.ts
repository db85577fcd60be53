import { signRequest } from '@weft/aws'
import type { FabricConnection } from '@weft/contracts'
import { DemoFailure } from './failure.ts'

const version = '2010-05-08'

/** One request to the IAM door of a fabric. Refusals with the codes that are `expected` are as good as success. */
export async function askIam(
  fabric: FabricConnection,
  action: string,
  parameters: Readonly<Record<string, string>>,
  expected: readonly string[] = [],
): Promise<void> {
  const url = new URL('/', fabric.http)
  const body = new URLSearchParams({ Action: action, Version: version, ...parameters }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const scope = { service: 'iam', region: 'us-east-1', nowMs: Date.now() }
  const { host: _set, ...signed } = signRequest({ method: 'POST', url, headers, body }, fabric, scope)
  const answer = await fetch(url, { method: 'POST', headers: signed, body })
  const text = await answer.text()
  const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? ''
  if (!answer.ok && !expected.includes(code))
    throw new DemoFailure(`${action} was refused: ${code} ${/<Message>([^<]*)/.exec(text)?.[1] ?? text.slice(0, 200)}`)
}
