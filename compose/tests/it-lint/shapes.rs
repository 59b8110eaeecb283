//! Recipes as they are: what lint says of the samples, and of the shapes that real recipes have.
