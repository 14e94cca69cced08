//! What is wanted: which value in which file becomes what, and where it lands.

use std::path::{Path, PathBuf};

use autoscaleops_core::{
    Failure,
    image::{Digest, ImageRef, Tag},
};
use autoscaleops_gitops::{Address, Edit, KeyPath, NewValue};
use clap::Args;

use crate::incoming::Image;

/// How a value is named.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which value")]
pub(crate) struct AddressArgs {
    /// Image whose tag it is; `IMAGE:TAG` names the new tag too
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Path of the value, such as `image.tag`, `images[0].newTag`, `images[name=shop].newTag`
    #[arg(long, value_name = "PATH", conflicts_with = "marker")]
    pub(crate) path: Option<KeyPath>,
    /// Name in the comment `# tag-bump: NAME` on the value's line, in any text file
    #[arg(long, value_name = "NAME")]
    pub(crate) marker: Option<String>,
    /// Document within the file, counted from one
    #[arg(long, value_name = "NUMBER")]
    pub(crate) document: Option<usize>,
    /// Take every value that fits, instead of refusing more than one
    #[arg(long)]
    pub(crate) all: bool,
}

/// What the value becomes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What it becomes")]
pub(crate) struct ValueArgs {
    /// New tag
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<Tag>,
    /// New digest, `sha256:…`; alone it leaves the tag
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: Option<Digest>,
    /// New text, whatever it is: for values that are no tags
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["tag", "digest"])]
    pub(crate) value: Option<String>,
    /// Empty a `digest:` beside the tag, which would count more than the tag
    #[arg(long)]
    pub(crate) clear_digest: bool,
    /// Change the value only if it is this one now
    #[arg(long, value_name = "TAG")]
    pub(crate) expect_old: Option<String>,
}

/// Where the change goes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Where it goes")]
pub(crate) struct LandArgs {
    /// Commit the change, and nothing else
    #[arg(long)]
    pub(crate) commit: bool,
    /// Land the commit on the remote's branch; the work tree, the index and HEAD stay
    #[arg(long)]
    pub(crate) push: bool,
    /// Land it on the branch of this repository, without a checkout
    #[arg(long, value_name = "URL")]
    pub(crate) repo: Option<String>,
    /// Push to a branch of its own for a pull request, always the same for one value
    #[arg(long, value_name = "BRANCH", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) pr: Option<String>,
    /// Decide everything and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// One change, complete.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// The file as it was named.
    pub(crate) file: PathBuf,
    /// The change to it.
    pub(crate) edit: Edit,
    /// What must be there.
    pub(crate) expect: Option<String>,
    /// The image, where it is known.
    pub(crate) image: Option<String>,
}

impl Order {
    /// Reads an order from the command line.
    pub(crate) fn of_arguments(
        file: Option<&Path>,
        address: &AddressArgs,
        value: &ValueArgs,
    ) -> Result<Self, Failure> {
        let file = file.ok_or_else(no_file)?;
        let (name, own_tag) = match address.image.as_deref().map(split_image) {
            Some((name, tag)) => (Some(name), tag),
            None => (None, None),
        };
        let tag = match (&value.tag, own_tag) {
            (Some(tag), Some(own)) if *tag != own => {
                return Err(Failure::usage(format!(
                    "`--image` names the tag `{own}` and `--tag` the tag `{tag}`"
                )));
            }
            (Some(tag), _) => Some(tag.clone()),
            (None, own) => own,
        };
        let value = Value {
            tag,
            digest: value.digest.clone(),
            args: value,
        };
        Self::build(
            file.to_owned(),
            address_of(address, name.clone())?,
            address,
            &value,
            name,
        )
    }

    /// Reads an order from the command line and a report; what the command line says counts more.
    pub(crate) fn of_report(
        file: Option<&Path>,
        address: &AddressArgs,
        value: &ValueArgs,
        image: Image,
    ) -> Result<Self, Failure> {
        let target = image.target.unwrap_or_default();
        let file = file
            .map(Path::to_owned)
            .or_else(|| target.file.map(PathBuf::from))
            .ok_or_else(no_file)?;
        let mut wanted = address.clone();
        if wanted.image.is_none() && wanted.path.is_none() && wanted.marker.is_none() {
            wanted.path = target.path;
            wanted.marker = target.marker.filter(|_| wanted.path.is_none());
            wanted.document = wanted.document.or(target.document);
        }
        let name = match wanted.image.as_deref().map(split_image) {
            Some((_, Some(tag))) => {
                return Err(Failure::usage(format!(
                    "with `--from` the tag comes from the report, and `--image` names the tag `{tag}`"
                )));
            }
            Some((name, None)) => name,
            None => target.image.unwrap_or_else(|| image.name.clone()),
        };
        let wanted_address = address_of(&wanted, Some(name))?;
        let value = Value {
            tag: image.tag,
            digest: value.digest.clone().or(image.digest),
            args: value,
        };
        Self::build(file, wanted_address, &wanted, &value, Some(image.name))
    }

    fn build(
        file: PathBuf,
        address: Address,
        args: &AddressArgs,
        value: &Value<'_>,
        image: Option<String>,
    ) -> Result<Self, Failure> {
        let new = match (&value.args.value, &value.tag, &value.digest) {
            (Some(text), ..) => NewValue::Text(text.clone()),
            (None, None, None) => {
                return Err(Failure::usage("no new tag is given")
                    .hint("give `--tag TAG`, `--digest DIGEST`, or `--from -`"));
            }
            (None, tag, digest) => NewValue::Image {
                tag: tag.clone(),
                digest: digest.clone(),
            },
        };
        Ok(Self {
            file,
            edit: Edit {
                document: args.document,
                every: args.all,
                clear_digest: value.args.clear_digest,
                ..Edit::new(address, new)
            },
            expect: value.args.expect_old.clone(),
            image,
        })
    }
}

struct Value<'a> {
    tag: Option<Tag>,
    digest: Option<Digest>,
    args: &'a ValueArgs,
}

fn no_file() -> Failure {
    Failure::usage("no file is named").hint("give the file to change, such as `values.yaml`")
}

/// A name that is no image is one all the same to kustomize, which takes any.
fn split_image(text: &str) -> (String, Option<Tag>) {
    match text.parse::<ImageRef>() {
        Ok(image) => (image.name().to_owned(), image.tag().cloned()),
        Err(_) => (text.to_owned(), None),
    }
}

/// Returns the address that was given: a path, a marker, else the image.
pub(crate) fn address_of(args: &AddressArgs, image: Option<String>) -> Result<Address, Failure> {
    match (&args.path, &args.marker, image) {
        (Some(path), ..) => Ok(Address::Path(path.clone())),
        (None, Some(marker), _) => Ok(Address::Marker(marker.clone())),
        (None, None, Some(image)) => Ok(Address::Image(image)),
        (None, None, None) => Err(Failure::usage("no value is named")
            .hint("name it with `--image`, `--path` or `--marker`")),
    }
}
