import { signRequest } from '@weft/aws'
import type { FabricConnection } from '@weft/contracts'
import { DemoFailure } from './failure.ts'
import type { ExampleRole } from './functions.ts'

const version = '2010-05-08'
const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
})
/** Every role of a function has it on AWS; it lets the function write its log. */
const basicPolicy = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'

/** Makes each role once, with its policy as it should be; resolves to their ARNs by name. */
export async function ensureRoles(
  fabric: FabricConnection,
  roles: readonly ExampleRole[],
): Promise<ReadonlyMap<string, string>> {
  const arns = new Map<string, string>()
  for (const role of roles) {
    if (arns.has(role.name)) continue
    const RoleName = role.name
    await ask(fabric, 'CreateRole', { RoleName, AssumeRolePolicyDocument: trust }, ['EntityAlreadyExists'])
    await ask(fabric, 'AttachRolePolicy', { RoleName, PolicyArn: basicPolicy })
    if (role.allows.length > 0)
      await ask(fabric, 'PutRolePolicy', { RoleName, PolicyName: 'what-it-does', PolicyDocument: documentOf(role) })
    arns.set(RoleName, `arn:aws:iam::${fabric.accountId}:role/${RoleName}`)
  }
  return arns
}

const documentOf = ({ allows }: ExampleRole): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: allows.map(({ actions, resource }) => ({ Effect: 'Allow', Action: actions, Resource: resource })),
  })

/** One request to the IAM door. Refusals with the codes that are `expected` are as good as success. */
async function ask(
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
