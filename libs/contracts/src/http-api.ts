import type { AccountId } from './ids.ts'

/**
 * An HTTP API (API Gateway, version 2) with all that belongs to it, as stored: one record, so that it changes as one. Its
 * parts have the members of the AWS API.
 */
export interface HttpApi {
  readonly accountId: AccountId
  /** Ten of `a-z0-9`; first label of the host name. */
  readonly apiId: string
  readonly name: string
  readonly description?: string
  readonly version?: string
  readonly corsConfiguration?: HttpApiCors
  /** Only custom domains lead to it. */
  readonly disableExecuteApiEndpoint: boolean
  readonly createdDate: string
  readonly tags: Readonly<Record<string, string>>
  readonly routes: Readonly<Record<string, HttpRoute>>
  readonly integrations: Readonly<Record<string, HttpIntegration>>
  readonly authorizers: Readonly<Record<string, HttpAuthorizer>>
  readonly stages: Readonly<Record<string, HttpStage>>
  readonly deployments: Readonly<Record<string, HttpDeployment>>
}

/** What requests are served by: that of the API itself, or as it was when it was deployed. */
export type HttpApiSurface = Pick<HttpApi, 'routes' | 'integrations' | 'authorizers'>

export interface HttpApiCors {
  readonly allowCredentials?: boolean
  readonly allowHeaders?: readonly string[]
  readonly allowMethods?: readonly string[]
  readonly allowOrigins?: readonly string[]
  readonly exposeHeaders?: readonly string[]
  /** Seconds. */
  readonly maxAge?: number
}

export interface HttpRoute {
  readonly routeId: string
  /** `METHOD /path/{parameter}/{rest+}`, `ANY /path` or `$default`. */
  readonly routeKey: string
  /** `integrations/ID`. */
  readonly target?: string
  readonly authorizationType: 'NONE' | 'JWT' | 'AWS_IAM' | 'CUSTOM'
  readonly authorizerId?: string
  readonly authorizationScopes?: readonly string[]
  readonly operationName?: string
  readonly apiGatewayManaged?: boolean
}

export interface HttpIntegration {
  readonly integrationId: string
  readonly integrationType: 'AWS_PROXY'
  /** ARN of the function, with its qualifier if it has one. */
  readonly integrationUri: string
  readonly integrationMethod: string
  readonly connectionType: 'INTERNET'
  readonly payloadFormatVersion: '1.0' | '2.0'
  readonly timeoutInMillis: number
  readonly description?: string
  readonly apiGatewayManaged?: boolean
}

export type HttpAuthorizer = HttpJwtAuthorizer | HttpRequestAuthorizer

export interface HttpJwtAuthorizer {
  readonly authorizerId: string
  readonly authorizerType: 'JWT'
  readonly name: string
  /** `$request.header.NAME` or `$request.querystring.NAME`. */
  readonly identitySource: readonly string[]
  readonly jwtConfiguration: { readonly issuer: string; readonly audience: readonly string[] }
}

/** A function that says who may pass. */
export interface HttpRequestAuthorizer {
  readonly authorizerId: string
  readonly authorizerType: 'REQUEST'
  readonly name: string
  /** `$request.header.NAME`, `$request.querystring.NAME`, `$context.NAME` or `$stageVariables.NAME`. */
  readonly identitySource: readonly string[]
  /** ARN of the function, with its qualifier if it has one. */
  readonly authorizerUri: string
  readonly authorizerPayloadFormatVersion: '1.0' | '2.0'
  /** Yes or no instead of a policy; only in payload format 2.0. */
  readonly enableSimpleResponses: boolean
  /** How long a verdict counts for the same identity; 0: for one request. */
  readonly authorizerResultTtlInSeconds: number
}

export interface HttpRouteSettings {
  readonly throttlingBurstLimit?: number
  /** Requests per second. */
  readonly throttlingRateLimit?: number
}

export interface HttpStage {
  readonly stageName: string
  readonly autoDeploy: boolean
  readonly description?: string
  /** Served when the stage does not deploy by itself. */
  readonly deploymentId?: string
  readonly stageVariables: Readonly<Record<string, string>>
  readonly defaultRouteSettings: HttpRouteSettings
  /** By route key. */
  readonly routeSettings: Readonly<Record<string, HttpRouteSettings>>
  readonly createdDate: string
  readonly lastUpdatedDate: string
  readonly tags: Readonly<Record<string, string>>
  readonly apiGatewayManaged?: boolean
}

export interface HttpDeployment extends HttpApiSurface {
  readonly deploymentId: string
  readonly description?: string
  readonly createdDate: string
}

/** A host name that leads to APIs of one account. */
export interface HttpDomain {
  readonly accountId: AccountId
  /** Lower case. */
  readonly domainName: string
  readonly createdDate: string
  readonly tags: Readonly<Record<string, string>>
  readonly mappings: Readonly<Record<string, HttpApiMapping>>
}

export interface HttpApiMapping {
  readonly apiMappingId: string
  readonly apiId: string
  readonly stage: string
  /** First segments of the path that lead here, without slashes at the ends; "" for all that no other does. */
  readonly apiMappingKey: string
}

/** What the bucket of HTTP APIs holds. */
export type HttpApiEntry = HttpApi | HttpDomain

const domainPattern = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/
/** In lower case; no wildcards. */
export const isDomainName = (s: string): boolean => domainPattern.test(s)

/** Keys of the bucket of HTTP APIs. */
export const httpApiKeys = {
  /** `<account>.api.<apiId>` → HttpApi. */
  api: (account: AccountId, apiId: string): string => {
    if (!/^[a-z0-9]{10}$/.test(apiId)) throw new TypeError(`not an API id: ${JSON.stringify(apiId)}`)
    return `${account}.api.${apiId}`
  },
  /** `<account>.domain.<domain>` → HttpDomain. */
  domain: (account: AccountId, domain: string): string => {
    if (!isDomainName(domain)) throw new TypeError(`not a domain name: ${JSON.stringify(domain)}`)
    return `${account}.domain.${domain}`
  },
} as const
