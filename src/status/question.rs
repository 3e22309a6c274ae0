//! What somebody wants to see.

use super::TargetStatus;

/// As many targets as fit on a page, and as are read from the store for it.
pub const PER_PAGE: usize = 20;

/// Which targets are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Part of an id, a name, an account or an item, in lower case; empty for all.
    pub search: String,
    /// Which page of them, from 1; 0 is the first as well.
    pub page: usize,
}

impl Question {
    /// From the query of an address. What is not understood is not asked.
    pub fn from_query(query: &str) -> Self {
        let mut question = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "search" => question.search = value.trim().to_lowercase(),
                "page" => question.page = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        question
    }

    /// As the query of an address, for another page of the same.
    pub fn to_query(&self, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.search.is_empty() {
            query.append_pair("search", &self.search);
        }
        query.append_pair("page", &page.to_string()).finish()
    }

    /// The targets asked for, failing ones first, and how many there are on all pages.
    pub(super) fn choose(&self, mut found: Vec<TargetStatus>) -> (Vec<TargetStatus>, usize) {
        found.retain(|target| self.finds(target));
        found.sort_by_key(|target| target.error.is_none());
        let count = found.len();
        let first = (self.page_of(count) - 1) * PER_PAGE;
        (
            found.drain(first..count.min(first + PER_PAGE)).collect(),
            count,
        )
    }

    /// The page that is shown when so many targets were found.
    pub(super) fn page_of(&self, found: usize) -> usize {
        self.page.clamp(1, pages(found))
    }

    fn finds(&self, target: &TargetStatus) -> bool {
        let id = target.target.app.to_string();
        let texts = [
            &*id,
            target.app_name.as_deref().unwrap_or_default(),
            &*target.target.account,
            &*target.target.item,
        ];
        let is_found = |text: &str| text.to_lowercase().contains(&self.search);
        texts.into_iter().any(is_found)
    }
}

/// How many pages so many targets take.
pub(super) fn pages(found: usize) -> usize {
    found.div_ceil(PER_PAGE).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_an_address_and_back() {
        let question = Question::from_query("search=+Prod%26+&page=3&other=1");
        assert_eq!(question.search, "prod&");
        assert_eq!(question.page, 3);
        assert_eq!(question.to_query(3), "search=prod%26&page=3");
        assert_eq!(Question::from_query(&question.to_query(3)), question);
        assert_eq!(Question::from_query("page=x"), Question::default());
    }

    #[test]
    fn pages_end_where_the_targets_do() {
        for (page, found, shown) in [(0, 0, 1), (9, 0, 1), (2, PER_PAGE, 1), (2, PER_PAGE + 1, 2)] {
            let question = Question {
                page,
                ..Question::default()
            };
            assert_eq!(question.page_of(found), shown, "{page} of {found}");
        }
    }
}
