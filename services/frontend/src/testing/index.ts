export * from './frontend.ts'
export * from './query.ts'
export * from './raw-request.ts'
export * from './raw-zip.ts'
