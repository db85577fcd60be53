export * from './dockerd.ts'
