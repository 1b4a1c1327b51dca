import { Link } from 'wouter';
import { Page } from '../components/page';

export function NotFoundPage() {
  return (
    <Page title="No such page" lead="The address leads nowhere in this console.">
      <p>
        <Link href="/" className="link">
          To Now
        </Link>
      </p>
    </Page>
  );
}
