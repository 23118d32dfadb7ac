//! Savepoints: what stood when each was set.

/// By name, the latest last; a name may be there several times.
#[derive(Debug)]
pub(super) struct Savepoints<T>(Vec<(String, T)>);

impl<T> Default for Savepoints<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Savepoints<T> {
    pub(super) fn set(&mut self, name: &str, stands: T) {
        self.0.push((name.to_owned(), stands));
    }

    /// Forgets this one and what was set after it.
    pub(super) fn release(&mut self, name: &str) {
        if let Some(at) = self.find(name) {
            self.0.truncate(at);
        }
    }

    /// Goes back to this one, which stays, and gives what stood then.
    pub(super) fn roll_back_to(&mut self, name: &str) -> Option<&T> {
        let at = self.find(name)?;
        self.0.truncate(at.saturating_add(1));
        self.0.last().map(|(_, stood)| stood)
    }

    /// The transaction is over.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().rposition(|(known, _)| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_a_name_is_meant() {
        let mut savepoints = Savepoints::default();
        for (name, stands) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            savepoints.set(name, stands);
        }
        assert_eq!(savepoints.roll_back_to("a"), Some(&3));
        assert_eq!(savepoints.roll_back_to("c"), None);
        assert_eq!(savepoints.roll_back_to("a"), Some(&3));
        savepoints.release("a");
        assert_eq!(savepoints.roll_back_to("a"), Some(&1));
        assert_eq!(savepoints.roll_back_to("b"), None);
        savepoints.clear();
        assert_eq!(savepoints.roll_back_to("a"), None);
    }
}
