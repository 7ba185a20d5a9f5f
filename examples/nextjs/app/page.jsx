// A page for every request, so that it shows the process that renders it.
export const dynamic = 'force-dynamic'

export default function Page() {
  return <p>pid {process.pid}</p>
}
