"""Quality control over all participants: metrics, outliers, ratings, and the page that shows them."""
