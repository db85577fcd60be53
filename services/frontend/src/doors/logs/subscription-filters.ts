import { LATEST, type LogFilter, type LogFilters, logGroupArn, parseFunctionRef, triggerKeys } from '@weft/contracts'
import { serviceMayInvoke } from '@weft/policy'
import { resolveFunction } from '@weft/registry'
import { amend } from '../json/amend.ts'
import type { Input } from '../json/fields.ts'
import { refuseUnserved } from '../json/fields.ts'
import { ServiceRefusal } from '../json/refusal.ts'
import { filterOf, type LogsContext, type LogsOperation } from './context.ts'
import { invalid, text, whole } from './members.ts'
import { formatToken, parseToken } from './page-token.ts'

/** CloudWatch Logs quotas: two of a log group. */
const mostFilters = 2

const missing = (what: string): ServiceRefusal =>
  new ServiceRefusal('ResourceNotFoundException', `The specified ${what} does not exist.`)

function needed(input: Input, name: string): string {
  const value = text(input, name)
  if (value === undefined)
    throw invalid(
      `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
    )
  return value
}

async function groupNamed({ reader, accountId }: LogsContext, input: Input): Promise<string> {
  const name = needed(input, 'logGroupName')
  if (!(await reader.group(accountId, name))) throw missing('log group')
  return name
}

/** Changes the filters of a group as they are in the store at that moment. */
async function change(
  { triggers, accountId }: LogsContext,
  logGroup: string,
  next: (before: readonly LogFilter[]) => readonly LogFilter[],
): Promise<void> {
  const done = await amend(triggers.store, triggerKeys.logFilters(accountId, logGroup), (before) => {
    const filters = next(before?.kind === 'log-filters' ? before.filters : [])
    const record: LogFilters = { kind: 'log-filters', accountId, logGroup, filters }
    return before && filters.length === 0 ? 'remove' : { put: record }
  })
  if (done) return
  throw new ServiceRefusal(
    'OperationAbortedException',
    'Multiple concurrent requests to update the same resource were in conflict.',
  )
}

/** Refuses a function that could not be called, and one whose own lines would call it again. */
function checkFunction({ catalogue, accountId, region }: LogsContext, logGroup: string, arn: string): void {
  const ref = parseFunctionRef(arn)
  if (!arn.startsWith('arn:') || !ref.ok)
    throw invalid(`destinationArn ${arn} is not served by this fabric: the ARN of a function is.`)
  if (ref.value.accountId !== accountId) throw invalid('destinationArn for vendor lambda cannot be of another account')
  const resolved = resolveFunction(catalogue, { accountId, region }, arn)
  const { qualifier } = ref.value
  const call = {
    service: 'logs.amazonaws.com',
    sourceArn: logGroupArn(region, accountId, logGroup),
    sourceAccount: accountId,
  }
  const only = qualifier === undefined || qualifier === LATEST ? {} : { qualifier }
  if (!resolved.ok || !serviceMayInvoke(resolved.value.record, { ...call, ...only }))
    throw invalid(
      'Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.',
    )
  if (resolved.value.version.logGroup === logGroup)
    throw invalid('The log group provided is reserved for the function logs of the destination function.')
}

const putSubscriptionFilter: LogsOperation = async (context, input) => {
  refuseUnserved(input, ['applyOnTransformedLogs', 'fieldSelectionCriteria', 'emitSystemFields'])
  const name = needed(input, 'filterName')
  if (!/^[^:*]*$/.test(name))
    throw invalid("Value at 'filterName' failed to satisfy regular expression pattern: [^:*]*")
  const functionArn = needed(input, 'destinationArn')
  const { filterPattern } = input
  // The empty pattern, which lets every line through, is a pattern.
  const pattern = filterPattern === '' ? '' : (text(input, 'filterPattern', 1_024) ?? '')
  if (filterPattern === undefined) needed(input, 'filterPattern')
  filterOf(pattern)
  const logGroup = await groupNamed(context, input)
  checkFunction(context, logGroup, functionArn)
  const createdAtMs = context.clock.now()
  await change(context, logGroup, (before) => {
    const known = before.find((one) => one.name === name)
    const filter: LogFilter = { name, pattern, functionArn, createdAtMs: known?.createdAtMs ?? createdAtMs }
    if (known) return before.map((one) => (one === known ? filter : one))
    if (before.length >= mostFilters) throw new ServiceRefusal('LimitExceededException', 'Resource limit exceeded.')
    return [...before, filter]
  })
  return {}
}

const deleteSubscriptionFilter: LogsOperation = async (context, input) => {
  const name = needed(input, 'filterName')
  const logGroup = await groupNamed(context, input)
  await change(context, logGroup, (before) => {
    if (!before.some((one) => one.name === name)) throw missing('subscription filter')
    return before.filter((one) => one.name !== name)
  })
  return {}
}

const describeSubscriptionFilters: LogsOperation = async (context, input) => {
  const prefix = text(input, 'filterNamePrefix') ?? ''
  const limit = whole(input, 'limit', 1, 50) ?? 50
  const token = text(input, 'nextToken', 2_048)
  const logGroup = await groupNamed(context, input)
  const question = ['filters', context.accountId, logGroup, prefix]
  const [from = 0] = token === undefined ? [] : parseToken(question, token, 1)
  const record = (await context.triggers.store.read(triggerKeys.logFilters(context.accountId, logGroup)))?.value
  const found = (record?.kind === 'log-filters' ? record.filters : []).filter((one) => one.name.startsWith(prefix))
  return {
    subscriptionFilters: [...found]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(from, from + limit)
      .map(({ name, pattern, functionArn, createdAtMs }) => ({
        ...{ filterName: name, logGroupName: logGroup, filterPattern: pattern, destinationArn: functionArn },
        ...{ distribution: 'ByLogStream', creationTime: createdAtMs },
      })),
    ...(found.length > from + limit && { nextToken: formatToken(question, [from + limit]) }),
  }
}

export const subscriptionFilterOperations: Readonly<Record<string, LogsOperation>> = {
  PutSubscriptionFilter: putSubscriptionFilter,
  DeleteSubscriptionFilter: deleteSubscriptionFilter,
  DescribeSubscriptionFilters: describeSubscriptionFilters,
}
