import type { FabricConnection } from '@weft/contracts'
import type { ExampleRole } from './functions.ts'
import { askIam } from './iam.ts'

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
    await askIam(fabric, 'CreateRole', { RoleName, AssumeRolePolicyDocument: trust }, ['EntityAlreadyExists'])
    await askIam(fabric, 'AttachRolePolicy', { RoleName, PolicyArn: basicPolicy })
    if (role.allows.length > 0)
      await askIam(fabric, 'PutRolePolicy', { RoleName, PolicyName: 'what-it-does', PolicyDocument: documentOf(role) })
    arns.set(RoleName, `arn:aws:iam::${fabric.accountId}:role/${RoleName}`)
  }
  return arns
}

const documentOf = ({ allows }: ExampleRole): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: allows.map(({ actions, resource }) => ({ Effect: 'Allow', Action: actions, Resource: resource })),
  })
