import {
  type AwsError,
  type FunctionRecord,
  type FunctionUrl,
  type FunctionUrlCors,
  LATEST,
  ok,
  type Result,
} from '@weft/contracts'
import { qualifiedOf } from './by-qualifier.ts'
import { conflict, invalidParameter } from './errors.ts'
import type { CorsInput, FunctionUrlInput } from './inputs.ts'

/** What a new URL is stamped with; `urlId` has never been given before. */
export interface UrlStamp {
  readonly nowMs: number
  readonly urlId: string
}

/** A new URL for a qualifier of a function. Errors: ResourceConflict (there is one), InvalidParameterValue (Cors). */
export function createFunctionUrl(
  record: FunctionRecord,
  qualifier: string,
  input: FunctionUrlInput & { readonly AuthType: FunctionUrl['authType'] },
  stamp: UrlStamp,
): Result<FunctionUrl, AwsError> {
  if (qualifiedOf(record, 'urls', qualifier))
    // With its two spaces, as recorded from AWS.
    return conflict(
      `Failed to create function url config for [functionArn = ${urlTarget(record, qualifier)}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
    )
  const cors = corsOf(input.Cors)
  if (!cors.ok) return cors
  return ok({
    urlId: stamp.urlId,
    authType: input.AuthType,
    invokeMode: input.InvokeMode ?? 'BUFFERED',
    ...(cors.value && { cors: cors.value }),
    createdAtMs: stamp.nowMs,
    lastModifiedMs: stamp.nowMs,
  })
}

/** Absent members stay; Cors is replaced as a whole, and empty ends it. Errors: InvalidParameterValue. */
export function updateFunctionUrl(
  url: FunctionUrl,
  input: FunctionUrlInput,
  nowMs: number,
): Result<FunctionUrl, AwsError> {
  const { cors: before, ...rest } = url
  const given = corsOf(input.Cors)
  if (!given.ok) return given
  const cors = input.Cors === undefined ? before : given.value
  return ok({
    ...rest,
    authType: input.AuthType ?? url.authType,
    invokeMode: input.InvokeMode ?? url.invokeMode,
    ...(cors && { cors }),
    lastModifiedMs: nowMs,
  })
}

/** The ARN that a URL belongs to: of the function itself, or with its alias. */
export const urlTarget = (record: FunctionRecord, qualifier: string): string =>
  qualifier === LATEST ? record.functionArn : `${record.functionArn}:${qualifier}`

/** A FunctionUrlConfig of the AWS API; `address` is the whole URL. */
export function describeFunctionUrl(record: FunctionRecord, qualifier: string, url: FunctionUrl, address: string) {
  const { cors } = url
  return {
    FunctionUrl: address,
    FunctionArn: urlTarget(record, qualifier),
    AuthType: url.authType,
    ...(cors && {
      Cors: {
        ...(cors.allowCredentials !== undefined && { AllowCredentials: cors.allowCredentials }),
        ...(cors.allowHeaders && { AllowHeaders: cors.allowHeaders }),
        ...(cors.allowMethods && { AllowMethods: cors.allowMethods }),
        ...(cors.allowOrigins && { AllowOrigins: cors.allowOrigins }),
        ...(cors.exposeHeaders && { ExposeHeaders: cors.exposeHeaders }),
        ...(cors.maxAgeSeconds !== undefined && { MaxAge: cors.maxAgeSeconds }),
      },
    }),
    CreationTime: new Date(url.createdAtMs).toISOString(),
    LastModifiedTime: new Date(url.lastModifiedMs).toISOString(),
    InvokeMode: url.invokeMode,
  } as const
}

/** RFC 9110's token: what a header's name and a method are made of. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const methods = new Set(['GET', 'PUT', 'HEAD', 'POST', 'PATCH', 'DELETE', '*'])
/** `*`, `null`, or a scheme and an authority: what a browser sends as Origin, and a star for a part of it. */
const origin = /^(\*|null|[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._~%*:[\]-]+)$/

/** These lists are sent as headers, so nothing that would end a header may get into them. */
function corsOf(input: CorsInput | undefined): Result<FunctionUrlCors | undefined, AwsError> {
  if (!input) return ok(undefined)
  const wrong =
    input.AllowMethods?.find((one) => !methods.has(one)) ??
    input.AllowOrigins?.find((one) => !origin.test(one)) ??
    [...(input.AllowHeaders ?? []), ...(input.ExposeHeaders ?? [])].find((one) => !token.test(one))
  if (wrong !== undefined)
    return invalidParameter(`Cors holds a value that no browser could use: ${JSON.stringify(wrong)}`)
  const cors: FunctionUrlCors = {
    ...(input.AllowCredentials !== undefined && { allowCredentials: input.AllowCredentials }),
    ...(input.AllowHeaders?.length && { allowHeaders: input.AllowHeaders }),
    ...(input.AllowMethods?.length && { allowMethods: input.AllowMethods }),
    ...(input.AllowOrigins?.length && { allowOrigins: input.AllowOrigins }),
    ...(input.ExposeHeaders?.length && { exposeHeaders: input.ExposeHeaders }),
    ...(input.MaxAge !== undefined && { maxAgeSeconds: input.MaxAge }),
  }
  return ok(Object.keys(cors).length === 0 ? undefined : cors)
}
