//! A place for very many things of one kind, by number.

/// How many lie together.
const CHUNK: usize = 1024;

/// Things that are known by a number, side by side. It grows by a chunk at a time and moves nothing that is there, so it
/// takes no longer to grow when it is large. The number of what is gone is given again.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Shelf<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        let (chunk, index) = place(number);
        self.chunks.get(chunk)?.get(index)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (chunk, index) = place(number);
        self.chunks.get_mut(chunk)?.get_mut(index)?.as_mut()
    }

    /// Puts a thing there, and tells its number.
    pub(crate) fn insert(&mut self, thing: T) -> u32 {
        self.len += 1;
        if let Some(number) = self.free.pop() {
            let (chunk, index) = place(number);
            self.chunks[chunk][index] = Some(thing);
            return number;
        }
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = self.chunks.len() - 1;
        let index = self.chunks[chunk].len();
        self.chunks[chunk].push(Some(thing));
        (chunk * CHUNK + index) as u32
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let (chunk, index) = place(number);
        let thing = self.chunks.get_mut(chunk)?.get_mut(index)?.take()?;
        self.free.push(number);
        self.len -= 1;
        Some(thing)
    }

    /// All of them, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let all = (0..).zip(self.chunks.iter().flatten());
        all.filter_map(|(number, thing)| Some((number, thing.as_ref()?)))
    }
}

fn place(number: u32) -> (usize, usize) {
    (number as usize / CHUNK, number as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_found_by_its_number_until_it_is_removed_and_then_another_gets_the_number() {
        let mut shelf = Shelf::default();
        let numbers: Vec<_> = (0..3000).map(|thing| shelf.insert(thing)).collect();
        assert_eq!(numbers, (0..3000).collect::<Vec<_>>());
        assert_eq!((shelf.remove(1500), shelf.remove(1500), shelf.len()), (Some(1500), None, 2999));
        assert_eq!((shelf.get(1500), shelf.get(1501), shelf.get(3000)), (None, Some(&1501), None));
        assert_eq!(shelf.iter().count(), 2999);
        assert_eq!((shelf.insert(7), shelf.get(1500)), (1500, Some(&7)));
        shelf.get_mut(0).into_iter().for_each(|thing| *thing = 8);
        assert_eq!(shelf.iter().next(), Some((0, &8)));
    }
}
