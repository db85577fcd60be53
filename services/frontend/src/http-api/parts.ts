import type { HttpApi, HttpAuthorizer, HttpDeployment, HttpIntegration, HttpRoute, HttpStage } from '@weft/contracts'
import { type ApiProblem, badRequest, conflict, type Members } from './members.ts'
import {
  newDeployment,
  newIntegration,
  newJwtAuthorizer,
  newRequestAuthorizer,
  newRoute,
  newStage,
  readIntegration,
  readJwtAuthorizer,
  readRequestAuthorizer,
  readRoute,
  readStage,
  readTags,
  type Stamp,
} from './rules.ts'

export type PartName = 'routes' | 'integrations' | 'authorizers' | 'stages' | 'deployments'

/** One kind of what belongs to an API: how its members are read, and what stands in the way of a change. */
export interface PartKind<T> {
  /** As refusals name it. */
  readonly what: string
  create(members: Members, api: HttpApi, stamp: Stamp): T
  /** Absent: it never changes. */
  readonly update?: (members: Members, api: HttpApi, before: T, stamp: Pick<Stamp, 'date'>) => T
  id(part: T): string
  /** Why this one cannot be there beside the others. */
  readonly clash?: (api: HttpApi, part: T) => ApiProblem | undefined
  /** Why it cannot go. */
  readonly inUse?: (api: HttpApi, id: string) => ApiProblem | undefined
  readonly show: (part: T) => object
}

const as = (part: object): object => part

const routes: PartKind<HttpRoute> = {
  what: 'Route',
  create(members, api, stamp) {
    const route = readRoute(members, api, newRoute(stamp))
    return route.routeKey === '' ? members.refuse('Missing required field: routeKey') : route
  },
  update: readRoute,
  id: ({ routeId }) => routeId,
  clash(api, { routeId, routeKey }) {
    const twin = Object.values(api.routes).some((one) => one.routeKey === routeKey && one.routeId !== routeId)
    return twin ? conflict(`Route with key ${routeKey} already exists for this API`) : undefined
  },
  show: (route) => ({ apiKeyRequired: false, ...route }),
}

const integrations: PartKind<HttpIntegration> = {
  what: 'Integration',
  create(members, _api, stamp) {
    const integration = readIntegration(members, newIntegration(stamp))
    return integration
  },
  update: (members, _api, before) => readIntegration(members, before),
  id: ({ integrationId }) => integrationId,
  inUse: (api, id) =>
    Object.values(api.routes).some(({ target }) => target === `integrations/${id}`)
      ? conflict(`Cannot delete Integration with id ${id}: a route leads to it.`)
      : undefined,
  show: as,
}

const authorizers: PartKind<HttpAuthorizer> = {
  what: 'Authorizer',
  create: (members, _api, stamp) =>
    members.take('authorizerType') === 'REQUEST'
      ? readRequestAuthorizer(members, newRequestAuthorizer(stamp))
      : readJwtAuthorizer(members, newJwtAuthorizer(stamp)),
  update: (members, _api, before) =>
    before.authorizerType === 'REQUEST' ? readRequestAuthorizer(members, before) : readJwtAuthorizer(members, before),
  id: ({ authorizerId }) => authorizerId,
  inUse: (api, id) =>
    Object.values(api.routes).some(({ authorizerId }) => authorizerId === id)
      ? conflict(`Cannot delete Authorizer with id ${id}: a route asks it.`)
      : undefined,
  show: as,
}

const stageName = /^(\$default|[A-Za-z0-9_-]{1,128})$/

const stages: PartKind<HttpStage> = {
  what: 'Stage',
  create(members, api, stamp) {
    const name = members.required('stageName', 128)
    if (!stageName.test(name)) return members.refuse(`Invalid stage name: ${name}`)
    const tags = readTags(members) ?? {}
    return { ...readStage(members, api, newStage(name, stamp), stamp.date), tags }
  },
  update: (members, api, before, { date }) => readStage(members, api, before, date),
  id: (stage) => stage.stageName,
  clash: (api, { stageName: name }) =>
    Object.hasOwn(api.stages, name) ? conflict(`Stage already exists: ${name}`) : undefined,
  show: as,
}

const deployments: PartKind<HttpDeployment> = {
  what: 'Deployment',
  create: (members, api, stamp) => newDeployment(api, stamp, members.text('description', 1_024)),
  id: ({ deploymentId }) => deploymentId,
  inUse: (api, id) =>
    Object.values(api.stages).some(({ deploymentId }) => deploymentId === id)
      ? badRequest(`Active stages pointing to this deployment must be moved or deleted: ${id}`)
      : undefined,
  show: ({ deploymentId, description, createdDate }) => ({
    ...{ deploymentId, createdDate, deploymentStatus: 'DEPLOYED', autoDeployed: false },
    ...(description !== undefined && { description }),
  }),
}

/** The same for every kind; each reads and shows only parts of its own. */
export const partKinds = { routes, integrations, authorizers, stages, deployments } as unknown as Readonly<
  Record<PartName, PartKind<unknown>>
>

export const isPartName = (name: string): name is PartName => Object.hasOwn(partKinds, name)
