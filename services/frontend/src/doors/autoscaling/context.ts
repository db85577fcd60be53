import { type AccountId, type FunctionRecord, isFunctionName, type ProvisionedScaling } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import { type Catalogue, publishedBehind, qualifiedOf, qualifiersWith, type Store, withQualified } from '@weft/registry'
import { amend } from '../json/amend.ts'
import { type Input, required, text, texts } from '../json/fields.ts'
import type { JsonOperation } from '../json/json-door.ts'
import { pageAfter } from '../json/page-after.ts'
import { ServiceRefusal, validation } from '../json/refusal.ts'

export interface ScalingContext {
  readonly accountId: AccountId
  readonly region: string
  readonly catalogue: Catalogue
  readonly functions: Store<FunctionRecord>
  readonly clock: Pick<Clock, 'now'>
}

export type ScalingOperation = JsonOperation<ScalingContext>

const namespace = 'lambda'
const dimension = 'lambda:function:ProvisionedConcurrency'

/** What every answer says of a target. */
export const targetMembers = (resourceId: string) => ({
  ServiceNamespace: namespace,
  ResourceId: resourceId,
  ScalableDimension: dimension,
})

/** `function:NAME:QUALIFIER`, taken apart. */
export interface Resource {
  readonly resourceId: string
  readonly name: string
  readonly qualifier: string
}

export const missing = (message: string): ServiceRefusal => new ServiceRefusal('ObjectNotFoundException', message)

export const noTarget = ({ resourceId }: Resource): ServiceRefusal =>
  missing(
    `No scalable target found for service namespace: ${namespace}, resource ID: ${resourceId}, scalable dimension: ${dimension}`,
  )

function checkNamespace(input: Input): void {
  const given = required('ServiceNamespace', text(input, 'ServiceNamespace'))
  if (given !== namespace) throw validation(`Only the service namespace ${namespace} can be scaled by this fabric.`)
  const scaled = text(input, 'ScalableDimension')
  if (scaled !== undefined && scaled !== dimension)
    throw validation(`Unsupported service namespace, resource type or scalable dimension: ${scaled}`)
}

function resourceOf(resourceId: string): Resource {
  const [kind, name = '', qualifier = '', ...rest] = resourceId.split(':')
  if (
    kind !== 'function' ||
    rest.length > 0 ||
    !isFunctionName(name) ||
    !/^(?:\d+|(?!\d+$)[\w-]{1,128})$/.test(qualifier)
  )
    throw validation(
      `Unsupported resource type or malformed resource ID: ${resourceId}. A resource ID has the form function:NAME:QUALIFIER, the qualifier being a version or an alias.`,
    )
  return { resourceId, name, qualifier }
}

/** The target that a request is about, which need not be registered. */
export function namedResource(input: Input): Resource {
  checkNamespace(input)
  required('ScalableDimension', text(input, 'ScalableDimension'))
  return resourceOf(required('ResourceId', text(input, 'ResourceId', { min: 1, max: 1_600 })))
}

export interface Registered {
  readonly resourceId: string
  readonly scaling: ProvisionedScaling
}

/** The registered targets that a list asks for: those it names, or all of the account. */
export function listed(context: ScalingContext, input: Input, member: 'ResourceId' | 'ResourceIds'): Registered[] {
  checkNamespace(input)
  const one = member === 'ResourceId' ? text(input, member, { min: 1, max: 1_600 }) : undefined
  const some = member === 'ResourceIds' ? texts(input, member, { max: 50 }) : undefined
  const wanted = one === undefined ? some : [one]
  return context.catalogue
    .functions(context.accountId)
    .flatMap((record) =>
      qualifiersWith(record, 'scaling').map((qualifier) => ({
        resourceId: `function:${record.functionName}:${qualifier}`,
        scaling: qualifiedOf(record, 'scaling', qualifier) as ProvisionedScaling,
      })),
    )
    .filter(({ resourceId }) => wanted === undefined || wanted.length === 0 || wanted.includes(resourceId))
}

/**
 * Changes the settings of a target as they are in the store at that moment; `change` gives undefined to take them away.
 * Refuses a function, version or alias that is not there.
 */
export async function changeScaling(
  context: ScalingContext,
  { resourceId, name, qualifier }: Resource,
  change: (before: ProvisionedScaling | undefined) => ProvisionedScaling | undefined,
): Promise<void> {
  const { accountId, catalogue, functions } = context
  const done = await amend(functions, `${accountId}.${name}`, (record) => {
    if (!record) throw validation(`No Lambda function found for resource ID: ${resourceId}`)
    const is = qualifiedOf(record, 'scaling', qualifier)
    const behind = publishedBehind(record, qualifier, catalogue)
    if (!is && !behind.ok) throw validation(behind.error.message)
    return { put: withQualified(record, 'scaling', qualifier, change(is)) }
  })
  if (!done) throw new ServiceRefusal('ConcurrentUpdateException', `${resourceId} is being changed by another request.`)
}

/** A member by a name that a caller chose. */
export const ownOf = <T>(all: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(all, name) ? all[name] : undefined

type Kind = 'policies' | 'actions'
type Member<K extends Kind> = ProvisionedScaling[K][string]

/** Takes away the policy or action that a request names; `what` it is, for people. */
export async function removeNamed(
  context: ScalingContext,
  input: Input,
  kind: Kind,
  what: string,
  name: string,
): Promise<void> {
  await changeScaling(context, namedResource(input), (before) => {
    if (!before || !ownOf<unknown>(before[kind], name)) throw missing(`No ${what} found with name: ${name}`)
    const { [name]: _gone, ...left } = before[kind]
    return { ...before, [kind]: left }
  })
}

/** A page of the policies or actions that a list asks for, by the names in `member` if it gives any. */
export function pageOfNamed<K extends Kind>(context: ScalingContext, input: Input, kind: K, member: string) {
  const names = texts(input, member, { max: 50 }) ?? []
  const all = listed(context, input, 'ResourceId').flatMap(({ resourceId, scaling }) =>
    Object.entries(scaling[kind])
      .filter(([name]) => names.length === 0 || names.includes(name))
      .map(([name, one]) => ({ resourceId, name, one: one as Member<K> })),
  )
  return page(input, all, ({ resourceId, name }) => `${resourceId} ${name}`)
}

/** A page of a list in order of what `nameOf` says. */
export function page<T>(input: Input, all: readonly T[], nameOf: (one: T) => string) {
  const token = text(input, 'NextToken', { min: 1, max: 2_048 })
  const asked = typeof input.MaxResults === 'number' && input.MaxResults >= 1 ? input.MaxResults : 50
  const { items, nextToken } = pageAfter(all, nameOf, token, Math.min(asked, 50))
  return { items, ...(nextToken !== undefined && { NextToken: nextToken }) }
}

/** `arn:aws:autoscaling:REGION:ACCOUNT:KIND:ID:resource/lambda/RESOURCE:KINDNAME/NAME`, as AWS forms them. */
export const scalingArn = (
  { region, accountId }: ScalingContext,
  kind: 'scalingPolicy' | 'scheduledAction',
  id: string,
  resourceId: string,
  name: string,
): string =>
  `arn:aws:autoscaling:${region}:${accountId}:${kind}:${id}:resource/${namespace}/${resourceId}:${kind === 'scalingPolicy' ? 'policyName' : 'scheduledActionName'}/${name}`
