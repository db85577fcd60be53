/** How a member of the API model is named in Protobuf: `KMSKeyArn` → `kms_key_arn`, `S3Bucket` → `s3_bucket`. */
export const protoFieldName = (member: string): string =>
  member
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()

/** The service that has a method for each operation of the API model that is no call of a function. */
export const protoPackage = 'weft.lambda.v1'
export const protoService = `${protoPackage}.LambdaService`

/** In requests: names of lists and maps to be set to empty. Protobuf cannot tell an empty list from one that is not there. */
export const clearedField = { name: 'cleared', number: 1000 } as const
