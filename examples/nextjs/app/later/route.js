import { after } from 'next/server'

export const dynamic = 'force-dynamic'

export function GET() {
  after(async () => {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    console.log(`pid ${process.pid} has finished its work after the response`)
  })
  return Response.json({ pid: process.pid })
}
