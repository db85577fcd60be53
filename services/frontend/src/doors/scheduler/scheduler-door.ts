import { type AwsError, awsError, awsErrors, type TriggerRecord } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { Collection } from '@weft/registry'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { AwsDoor, DoorRequest, DoorResponse } from '../door.ts'
import type { Input } from '../json/fields.ts'
import { text } from '../json/fields.ts'
import { parse } from '../json/json-door.ts'
import { ServiceRefusal } from '../json/refusal.ts'
import { nameBounds, type SchedulerOperation } from './context.ts'
import {
  createSchedule,
  createScheduleGroup,
  deleteSchedule,
  deleteScheduleGroup,
  getSchedule,
  getScheduleGroup,
  listScheduleGroups,
  listSchedules,
  updateSchedule,
} from './schedules.ts'

type Routes = Readonly<Record<string, readonly [string, SchedulerOperation]>>

/** By `METHOD collection`; with a name behind it, or without. EventBridge Scheduler API reference. */
const named: Routes = {
  'POST schedules': ['CreateSchedule', createSchedule],
  'GET schedules': ['GetSchedule', getSchedule],
  'PUT schedules': ['UpdateSchedule', updateSchedule],
  'DELETE schedules': ['DeleteSchedule', deleteSchedule],
  'POST schedule-groups': ['CreateScheduleGroup', createScheduleGroup],
  'GET schedule-groups': ['GetScheduleGroup', getScheduleGroup],
  'DELETE schedule-groups': ['DeleteScheduleGroup', deleteScheduleGroup],
}
const lists: Routes = {
  'GET schedules': ['ListSchedules', listSchedules],
  'GET schedule-groups': ['ListScheduleGroups', listScheduleGroups],
}

const limitBytes = 512 * 1024

const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): DoorResponse => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})
const refusal = (type: string, message: string, status: number): DoorResponse =>
  json(status, { Message: message }, { 'x-amzn-ErrorType': type })

export interface SchedulerDoorDeps {
  readonly triggers: Collection<TriggerRecord>
  readonly authorizer: Authorizer
  readonly region: string
  readonly clock: Pick<Clock, 'now'>
}

/** EventBridge Scheduler: schedules and their groups. REST with JSON. */
export function schedulerDoor(deps: SchedulerDoorDeps): AwsDoor {
  return {
    service: 'scheduler',
    bodyLimit: () => ({
      limitBytes,
      tooLarge: (size) =>
        awsError('RequestEntityTooLargeException', `${size} byte request is too large (limit ${limitBytes} bytes)`),
    }),
    refuse: (error: AwsError) => refusal(error.code, error.message, awsErrors[error.code].http),
    async handle(request) {
      const [, collection = '', rawName, ...rest] = request.rawPath.replace(/\/$/, '').split('/')
      const routes = rawName === undefined ? lists : named
      const key = `${request.method} ${collection}`
      const route = rest.length === 0 && Object.hasOwn(routes, key) ? routes[key] : undefined
      if (!route) return refusal('UnknownOperationException', `No operation at ${key}.`, 404)
      const body = parse(request.body)
      if (!body) return refusal('SerializationException', 'The request body is not a JSON object.', 400)
      const input: Input = { ...body, ...Object.fromEntries(new URLSearchParams(request.rawQuery)) }
      try {
        return json(200, await run(deps, request, route, input, rawName))
      } catch (error) {
        if (error instanceof ServiceRefusal) return refusal(error.type, error.message, error.status)
        throw error
      }
    },
  }
}

async function run(
  deps: SchedulerDoorDeps,
  { principal, sourceIp }: DoorRequest,
  [operation, rule]: readonly [string, SchedulerOperation],
  input: Input,
  rawName: string | undefined,
): Promise<object> {
  const { authorizer, region, triggers, clock } = deps
  const { accountId } = principal
  const name = rawName === undefined ? '' : (text({ Name: decoded(rawName) }, 'Name', nameBounds) ?? '')
  const allows = (action: string, resource: string) =>
    authorizer.authorize(principal, {
      ...{ action, resource },
      context: { 'aws:sourceip': sourceIp, 'iam:passedtoservice': 'scheduler.amazonaws.com' },
    })
  const refused = allows(`scheduler:${operation}`, resourceOf(region, accountId, operation, input, name))
  if (refused) throw new ServiceRefusal(refused.code, refused.message, 403)
  const context = {
    ...{ accountId, region, principalArn: principal.arn, triggers, clock },
    allows: (action: string, resource: string) => allows(action, resource) === undefined,
  }
  return rule(context, input, name)
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    throw new ServiceRefusal('ValidationException', 'The path is not percent-encoded UTF-8.')
  }
}

/** Service authorization reference, Amazon EventBridge Scheduler. */
function resourceOf(region: string, accountId: string, operation: string, input: Input, name: string): string {
  const group = input.GroupName ?? input.groupName
  const own = `arn:aws:scheduler:${region}:${accountId}`
  if (operation.startsWith('List')) return '*'
  if (operation.endsWith('Group')) return `${own}:schedule-group/${name}`
  return `${own}:schedule/${typeof group === 'string' ? group : 'default'}/${name}`
}
