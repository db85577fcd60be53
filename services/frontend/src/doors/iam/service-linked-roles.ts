import { ok } from '@weft/contracts'
import { createRole, iamError, isServiceLinked, noSuchIdentity, serviceLinkedPath } from '@weft/policy'
import {
  arnOf,
  checked,
  create,
  descriptionRule,
  find,
  type IamCall,
  type IamOperations,
  names,
  remove,
  stampOf,
} from './call.ts'
import { describeRole } from './role-operations.ts'

const serviceRule = { min: 1, max: 128, pattern: /^[a-z0-9.-]+\.amazonaws\.com$/ }
const suffixRule = { min: 1, max: 64, pattern: /^[\w+=,.@-]+$/ }
const taskRule = { min: 1, max: 1_000 }

/** `lambda.amazonaws.com` → `AWSServiceRoleForLambda`, with the suffix that the caller wants behind it. */
function nameOf({ params }: IamCall): { readonly service: string; readonly name: string } {
  const service = params.required('AWSServiceName', serviceRule)
  const suffix = params.optional('CustomSuffix', suffixRule)
  const words = service.replace(/\.amazonaws\.com$/, '').split(/[.-]/)
  const title = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('')
  return { service, name: `AWSServiceRoleFor${title}${suffix === undefined ? '' : `_${suffix}`}` }
}

const pathOf = (service: string): string => `${serviceLinkedPath}${service}/`

/** Roles that one service alone may assume, made because tools make them before they use the service. IAM API reference. */
export const serviceLinkedRoles: IamOperations = {
  CreateServiceLinkedRole: {
    resource(call) {
      const { service, name } = nameOf(call)
      return arnOf(call, 'role', name, pathOf(service))
    },
    async run(call) {
      const { service, name } = nameOf(call)
      const description = call.params.optional('Description', descriptionRule)
      const sound = checked(call.params)
      if (!sound.ok) return sound
      if (name.length > names.role.max)
        return iamError('InvalidInput', `The name ${name} is longer than ${names.role.max} characters.`)
      const trustPolicy = JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
      })
      const made = createRole(
        call.account,
        { name, path: pathOf(service), trustPolicy, description, tags: [] },
        stampOf(call),
      )
      const taken = iamError(
        'InvalidInput',
        `Service role name ${name} has been taken in this account, please try a different suffix.`,
      )
      const created = await create(call, made, taken)
      return created.ok ? ok({ Role: describeRole(created.value, true) }) : created
    },
  },
  DeleteServiceLinkedRole: {
    resource: (call) => arnOf(call, 'role', call.params.required('RoleName', names.role)),
    async run(call) {
      const name = call.params.required('RoleName', names.role)
      const sound = checked(call.params)
      if (!sound.ok) return sound
      const role = await find(call, 'role', name)
      if (!role || !isServiceLinked(role)) return noSuchIdentity('role', name)
      // Its policies are the service's: nothing hangs on it that would have to go first.
      const removed = await remove(call, 'role', name, () => ok(undefined))
      return removed.ok ? ok({ DeletionTaskId: `task${role.path}${role.name}/${role.id}` }) : removed
    },
  },
  GetServiceLinkedRoleDeletionStatus: {
    resource: () => '*',
    run(call) {
      const task = call.params.required('DeletionTaskId', taskRule)
      const sound = checked(call.params)
      if (!sound.ok) return sound
      // A deletion is done when its task is named.
      return task.startsWith(`task${serviceLinkedPath}`)
        ? ok({ Status: 'SUCCEEDED' })
        : iamError('NoSuchEntity', `Deletion task ${task} cannot be found.`)
    },
  },
}
