import {
  type HttpApi,
  type HttpApiCors,
  type HttpDeployment,
  type HttpIntegration,
  type HttpJwtAuthorizer,
  type HttpRequestAuthorizer,
  type HttpRoute,
  type HttpRouteSettings,
  type HttpStage,
  parseFunctionRef,
} from '@weft/contracts'
import { given, type Members } from './members.ts'
import { parseRouteKey } from './route-key.ts'

/** What a new part is stamped with. */
export interface Stamp {
  readonly id: string
  /** ISO 8601. */
  readonly date: string
}

/** Methods and headers of CORS become headers of answers. */
const corsToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/
const corsOrigin = /^(\*|null|[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._~%*:[\]-]{1,253})$/
const tagText = /^[^\r\n]{0,256}$/

/** Members of CreateApi and UpdateApi that stay with the API. */
export function readApi(members: Members) {
  members.only('protocolType', 'HTTP')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: AWS's own expression.
  members.only('routeSelectionExpression', '$request.method $request.path', '${request.method} ${request.path}')
  members.only('ipAddressType', 'ipv4')
  members.only('disableSchemaValidation', false)
  return {
    description: members.text('description', 1_024),
    version: members.text('version', 64),
    disableExecuteApiEndpoint: members.boolean('disableExecuteApiEndpoint'),
    corsConfiguration: members.inside('corsConfiguration', readCors),
  }
}

const readCors = (members: Members): HttpApiCors =>
  given({
    allowCredentials: members.boolean('allowCredentials'),
    allowHeaders: members.texts('allowHeaders', corsToken),
    allowMethods: members.texts('allowMethods', corsToken),
    allowOrigins: members.texts('allowOrigins', corsOrigin),
    exposeHeaders: members.texts('exposeHeaders', corsToken),
    maxAge: members.number('maxAge', -1, 86_400),
  })

export const readTags = (members: Members): Readonly<Record<string, string>> | undefined => members.map('tags', tagText)

export function readRoute(members: Members, api: HttpApi, before: HttpRoute): HttpRoute {
  members.only('apiKeyRequired', false)
  const routeKey = members.text('routeKey', 512) ?? before.routeKey
  const target = members.text('target', 128)
  const changed = {
    ...before,
    routeKey,
    ...given({
      target,
      authorizationType: members.text('authorizationType', 64) as HttpRoute['authorizationType'] | undefined,
      authorizerId: members.text('authorizerId', 64),
      authorizationScopes: members.texts('authorizationScopes', /^[\x21-\x7e]{1,64}$/),
      operationName: members.text('operationName', 64),
    }),
  }
  if (!parseRouteKey(routeKey)) return members.refuse(`The provided route key is not formatted properly: ${routeKey}`)
  const integration = /^integrations\/(.+)$/.exec(changed.target ?? '')?.[1]
  if (changed.target !== undefined && !(integration !== undefined && Object.hasOwn(api.integrations, integration)))
    return members.refuse(`Invalid target identifier specified ${changed.target}`)
  if (!['NONE', 'JWT', 'AWS_IAM', 'CUSTOM'].includes(changed.authorizationType))
    return members.refuse(`Invalid authorization type: ${changed.authorizationType}`)
  const { authorizerId: id } = changed
  const authorizer = id !== undefined && Object.hasOwn(api.authorizers, id) ? api.authorizers[id] : undefined
  const wanted = { JWT: 'JWT', CUSTOM: 'REQUEST', NONE: undefined, AWS_IAM: undefined }[changed.authorizationType]
  if (authorizer?.authorizerType !== wanted || (id !== undefined && !authorizer))
    return members.refuse('The authorizer does not fit the authorization type.')
  return changed
}

/** Of AWS's own URI for a function. */
const invocationsUri = /^arn:aws:apigateway:[a-z0-9-]+:lambda:path\/2015-03-31\/functions\/(.+)\/invocations$/

/** The ARN of a function, as it is or in an invocations URI; undefined when it is not given. */
function functionUri(members: Members, name: string): string | undefined {
  const uri = members.text(name, 2_048)
  if (uri === undefined) return undefined
  const arn = invocationsUri.exec(uri)?.[1] ?? uri
  const ref = parseFunctionRef(arn)
  return ref.ok && ref.value.accountId !== undefined && arn.startsWith('arn:')
    ? arn
    : members.refuse(`Invalid ${name} specified: it must be the ARN of a function.`)
}

export function readIntegration(members: Members, before: HttpIntegration): HttpIntegration {
  members.only('integrationType', 'AWS_PROXY')
  members.only('connectionType', 'INTERNET')
  const integrationUri = functionUri(members, 'integrationUri') ?? before.integrationUri
  const changed = {
    ...before,
    integrationUri,
    ...given({
      integrationMethod: members.text('integrationMethod', 64),
      payloadFormatVersion: members.text('payloadFormatVersion', 64) as '1.0' | '2.0' | undefined,
      timeoutInMillis: members.number('timeoutInMillis', 50, 30_000),
      description: members.text('description', 1_024),
    }),
  }
  if (integrationUri === '') return members.refuse('Missing required field: integrationUri')
  if (!['1.0', '2.0'].includes(changed.payloadFormatVersion))
    return members.refuse('Payload format version must be 1.0 or 2.0.')
  return changed
}

export function readJwtAuthorizer(members: Members, before: HttpJwtAuthorizer): HttpJwtAuthorizer {
  members.only('authorizerType', 'JWT')
  const jwt = members.inside('jwtConfiguration', (inner) => ({
    issuer: inner.text('issuer', 2_048),
    audience: inner.texts('audience', /^[\s\S]{1,1024}$/),
  }))
  const changed = {
    ...before,
    ...given({ name: members.text('name', 128), identitySource: members.texts('identitySource') }),
    jwtConfiguration: { ...before.jwtConfiguration, ...given(jwt ?? {}) },
  }
  const { issuer, audience } = changed.jwtConfiguration
  const [source = '', ...more] = changed.identitySource
  if (changed.name === '') return members.refuse('Missing required field: name')
  if (more.length > 0 || !/^\$request\.(header|querystring)\.[\w-]+$/.test(source))
    return members.refuse('identitySource must be one $request.header.NAME or $request.querystring.NAME')
  if (!URL.canParse(issuer) || !/^https?:\/\//.test(issuer)) return members.refuse('Invalid issuer: it must be a URL.')
  if (audience.length === 0) return members.refuse('JWT Configuration needs an audience.')
  return changed
}

const identitySource = /^\$(request\.header|request\.querystring|context|stageVariables)\.[\w.-]{1,128}$/

export function readRequestAuthorizer(members: Members, before: HttpRequestAuthorizer): HttpRequestAuthorizer {
  members.only('authorizerType', 'REQUEST')
  const version = members.text('authorizerPayloadFormatVersion', 64) as '1.0' | '2.0' | undefined
  const changed = {
    ...before,
    ...given({
      name: members.text('name', 128),
      identitySource: members.texts('identitySource', identitySource),
      authorizerUri: functionUri(members, 'authorizerUri'),
      authorizerPayloadFormatVersion: version,
      enableSimpleResponses: members.boolean('enableSimpleResponses'),
      authorizerResultTtlInSeconds: members.number('authorizerResultTtlInSeconds', 0, 3_600),
    }),
  }
  if (changed.name === '') return members.refuse('Missing required field: name')
  if (changed.authorizerUri === '') return members.refuse('Missing required field: authorizerUri')
  if (!['1.0', '2.0'].includes(changed.authorizerPayloadFormatVersion))
    return members.refuse('Authorizer payload format version must be 1.0 or 2.0.')
  if (changed.enableSimpleResponses && changed.authorizerPayloadFormatVersion === '1.0')
    return members.refuse('Simple responses are for payload format version 2.0.')
  if (changed.authorizerResultTtlInSeconds > 0 && changed.identitySource.length === 0)
    return members.refuse('Verdicts can be kept only by an identity source.')
  return changed
}

const readSettings = (members: Members): HttpRouteSettings => {
  members.only('detailedMetricsEnabled', false)
  members.only('dataTraceEnabled', false)
  return given({
    throttlingBurstLimit: members.number('throttlingBurstLimit', 0, 1_000_000),
    throttlingRateLimit: members.number('throttlingRateLimit', 0, 1_000_000),
  })
}

export function readStage(members: Members, api: HttpApi, before: HttpStage, date: string): HttpStage {
  const changed = {
    ...before,
    lastUpdatedDate: date,
    ...given({
      autoDeploy: members.boolean('autoDeploy'),
      description: members.text('description', 1_024),
      deploymentId: members.text('deploymentId', 64),
      stageVariables: members.map('stageVariables', /^[A-Za-z0-9\-._~:/?#&=,]{0,512}$/),
      defaultRouteSettings: members.inside('defaultRouteSettings', readSettings),
      routeSettings: members.each('routeSettings', readSettings),
    }),
  }
  if (changed.deploymentId !== undefined && !Object.hasOwn(api.deployments, changed.deploymentId))
    return members.refuse(`Invalid deployment identifier specified ${changed.deploymentId}`)
  return changed
}

export const newRoute = ({ id }: Stamp): HttpRoute => ({ routeId: id, routeKey: '', authorizationType: 'NONE' })

export const newIntegration = ({ id }: Stamp): HttpIntegration => ({
  integrationId: id,
  integrationType: 'AWS_PROXY',
  integrationUri: '',
  integrationMethod: 'POST',
  connectionType: 'INTERNET',
  payloadFormatVersion: '1.0',
  timeoutInMillis: 30_000,
})

export const newJwtAuthorizer = ({ id }: Stamp): HttpJwtAuthorizer => ({
  authorizerId: id,
  authorizerType: 'JWT',
  name: '',
  identitySource: [],
  jwtConfiguration: { issuer: '', audience: [] },
})

export const newRequestAuthorizer = ({ id }: Stamp): HttpRequestAuthorizer => ({
  authorizerId: id,
  authorizerType: 'REQUEST',
  name: '',
  identitySource: [],
  authorizerUri: '',
  authorizerPayloadFormatVersion: '1.0',
  enableSimpleResponses: false,
  authorizerResultTtlInSeconds: 0,
})

export const newStage = (stageName: string, { date }: Pick<Stamp, 'date'>): HttpStage => ({
  stageName,
  autoDeploy: false,
  stageVariables: {},
  defaultRouteSettings: {},
  routeSettings: {},
  createdDate: date,
  lastUpdatedDate: date,
  tags: {},
})

export const newDeployment = (api: HttpApi, { id, date }: Stamp, description: string | undefined): HttpDeployment => ({
  deploymentId: id,
  createdDate: date,
  ...(description !== undefined && { description }),
  ...{ routes: api.routes, integrations: api.integrations, authorizers: api.authorizers },
})
