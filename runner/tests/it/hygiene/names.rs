//! A recipe that fits cold, and whose canonical would have names that are too long.

use runner::instance::Instance;
use runner::store::Store;

use super::carried::Carried;

const COMPOSE: &str = r#"
services:
  app:
    image: example/app:1
    secrets: [token]
    deploy:
      labels:
        - "coop-cloud.${STACK_NAME}.version=RELEASE"
secrets:
  token:
    external: true
    name: ${STACK_NAME}_a_rather_long_name_of_one_secret_v1
"#;

#[tokio::test]
async fn cc_117_a_secret_whose_name_is_too_long_for_a_canonical_is_refused_before_anything_is_made() {
    let world = Carried::new("a-recipe-with-a-longish-name", "");
    let instance = Instance::open(world.path()).unwrap();
    let store = Store::open(&instance.settings.database).await.unwrap();
    world.release("1.0.0+1", COMPOSE, &store).await;

    let told = world.promote();

    insta::assert_snapshot!(told.stderr, @r"
    error: `a-recipe-with-a-longish-name` cannot have a canonical here: `warm-a-recipe-with-a-longish-name_ci_test_a_rather_long_name_of_one_secret_v1` of recipe `a-recipe-with-a-longish-name` has 77 characters, 13 more than the engine takes
      hint: shorten the secret's own part by 13, or the base domain `ci.test` or the recipe's name by 13
    ");
    assert_eq!(told.exit, Some(2));
    assert_eq!(world.fake.objects(), ["network proxy"]);
    assert!(!world.path().join("state/canonicals").exists(), "no values of secrets were kept");
    assert_eq!(store.all_generations().await.unwrap(), []);
    assert_eq!(store.journals().await.unwrap(), []);
}
